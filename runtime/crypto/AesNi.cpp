// SPDX-License-Identifier: Apache-2.0
// AES-128 with AES-NI; compiled with -maes.
#include "runtime/crypto/AesVariants.h"
#include "runtime/crypto/AesWide.h"

#include <immintrin.h>

namespace gfs {
namespace {

struct Vector128 {
  using type = __m128i;
  static constexpr size_t blocks = 1;
  static type load(const uint8_t *p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
  }
  static type broadcast(const uint8_t *p) { return load(p); }
  static void store(uint8_t *p, type v) { _mm_storeu_si128(reinterpret_cast<__m128i *>(p), v); }
  static type add64(type a, type b) { return _mm_add_epi64(a, b); }
  static type xor_(type a, type b) { return _mm_xor_si128(a, b); }
  static type round(type a, type k) { return _mm_aesenc_si128(a, k); }
  static type lastRound(type a, type k) { return _mm_aesenclast_si128(a, k); }
  static type counters(uint64_t nonce, uint64_t first) {
    return _mm_set_epi64x(static_cast<long long>(first), static_cast<long long>(nonce));
  }
  static type step(long long n) { return _mm_set_epi64x(n, 0); }
};

// One step of the key expansion: word i = word i-4 ^ (word i-1, or SubWord(RotWord(.)) ^ constant
// for the first).
template <int roundConstant> __m128i nextRoundKey(__m128i key) {
  __m128i assist = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(key, roundConstant), 0xff);
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8)); // prefix XOR over the four words
  return _mm_xor_si128(key, assist);
}

} // namespace

void expandKeyAesNi(const uint8_t key[16], uint8_t roundKeys[176]) {
  __m128i k = Vector128::load(key);
  auto put = [&](int round, __m128i value) { Vector128::store(roundKeys + 16 * round, value); };
  put(0, k);
  put(1, k = nextRoundKey<0x01>(k));
  put(2, k = nextRoundKey<0x02>(k));
  put(3, k = nextRoundKey<0x04>(k));
  put(4, k = nextRoundKey<0x08>(k));
  put(5, k = nextRoundKey<0x10>(k));
  put(6, k = nextRoundKey<0x20>(k));
  put(7, k = nextRoundKey<0x40>(k));
  put(8, k = nextRoundKey<0x80>(k));
  put(9, k = nextRoundKey<0x1b>(k));
  put(10, nextRoundKey<0x36>(k));
}

const AesImplementation aesNi = {"aes-ni", expandKeyAesNi, AesWide<Vector128>::counterMode,
                                 AesWide<Vector128>::encrypt};

} // namespace gfs
