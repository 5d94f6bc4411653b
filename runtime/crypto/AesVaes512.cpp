// SPDX-License-Identifier: Apache-2.0
// AES-128 with VAES on 512-bit registers; compiled with -mavx512f -mavx512bw -mavx512dq -mavx512vl
// -mvaes.
#include "runtime/crypto/AesVariants.h"
#include "runtime/crypto/AesWide.h"

#include <immintrin.h>

namespace gfs {
namespace {

struct Vector512 {
  using type = __m512i;
  static constexpr size_t blocks = 4;
  static type load(const uint8_t *p) { return _mm512_loadu_si512(p); }
  static type broadcast(const uint8_t *p) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)));
  }
  static void store(uint8_t *p, type v) { _mm512_storeu_si512(p, v); }
  static type add64(type a, type b) { return _mm512_add_epi64(a, b); }
  static type xor_(type a, type b) { return _mm512_xor_si512(a, b); }
  static type round(type a, type k) { return _mm512_aesenc_epi128(a, k); }
  static type lastRound(type a, type k) { return _mm512_aesenclast_epi128(a, k); }
  static type counters(uint64_t nonce, uint64_t first) {
    auto n = static_cast<long long>(nonce), c = static_cast<long long>(first);
    type start = _mm512_set_epi64(c, n, c, n, c, n, c, n);
    return _mm512_add_epi64(start, _mm512_set_epi64(3, 0, 2, 0, 1, 0, 0, 0));
  }
  static type step(long long n) { return _mm512_set_epi64(n, 0, n, 0, n, 0, n, 0); }
};

} // namespace

const AesImplementation aesVaes512 = {"vaes-512", expandKeyAesNi, AesWide<Vector512>::counterMode,
                                      AesWide<Vector512>::encrypt};

} // namespace gfs
