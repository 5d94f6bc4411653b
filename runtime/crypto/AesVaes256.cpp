// SPDX-License-Identifier: Apache-2.0
// AES-128 with VAES on 256-bit registers; compiled with -mavx2 -mvaes.
#include "runtime/crypto/AesVariants.h"
#include "runtime/crypto/AesWide.h"

#include <immintrin.h>

namespace gfs {
namespace {

struct Vector256 {
  using type = __m256i;
  static constexpr size_t blocks = 2;
  static type load(const uint8_t *p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
  }
  static type broadcast(const uint8_t *p) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)));
  }
  static void store(uint8_t *p, type v) { _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), v); }
  static type add64(type a, type b) { return _mm256_add_epi64(a, b); }
  static type xor_(type a, type b) { return _mm256_xor_si256(a, b); }
  static type round(type a, type k) { return _mm256_aesenc_epi128(a, k); }
  static type lastRound(type a, type k) { return _mm256_aesenclast_epi128(a, k); }
  static type counters(uint64_t nonce, uint64_t first) {
    auto n = static_cast<long long>(nonce);
    return _mm256_set_epi64x(static_cast<long long>(first + 1), n, static_cast<long long>(first),
                             n);
  }
  static type step(long long n) { return _mm256_set_epi64x(n, 0, n, 0); }
};

} // namespace

const AesImplementation aesVaes256 = {"vaes-256", expandKeyAesNi, AesWide<Vector256>::counterMode,
                                      AesWide<Vector256>::encrypt};

} // namespace gfs
