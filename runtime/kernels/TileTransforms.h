// SPDX-License-Identifier: Apache-2.0
// What happens to numbers before tiles multiply them: words become one tile of bytes per limb.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/ConvGeometry.h"
#include "runtime/kernels/Simd512.h"

namespace gfs {
namespace {

constexpr size_t tileRows = 16, tileDepth = 64, tileBytes = tileRows * tileDepth;

constexpr size_t roundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

/// Vectors of words, 16 of them in `count` vectors.
template <class Word> struct PixelVector;

template <> struct PixelVector<uint32_t> : Simd512x32 {
  static constexpr unsigned count = 1;
  /// The low bytes of the words after a shift, side by side.
  static void storeBytes(uint8_t *p, __m512i v, unsigned shift) {
    _mm_store_si128(reinterpret_cast<__m128i *>(p),
                    _mm512_cvtepi32_epi8(_mm512_srli_epi32(v, shift)));
  }
  /// 2^{8d} S of a vector of sums.
  template <unsigned d> static __m512i diagonal(const uint32_t *sums) {
    return _mm512_slli_epi32(_mm512_load_si512(sums), 8 * d);
  }
};

template <> struct PixelVector<uint64_t> : Simd512x64 {
  static constexpr unsigned count = 2;
  static void storeBytes(uint8_t *p, __m512i v, unsigned shift) {
    _mm_storel_epi64(reinterpret_cast<__m128i *>(p),
                     _mm512_cvtepi64_epi8(_mm512_srli_epi64(v, shift)));
  }
  template <unsigned d> static __m512i diagonal(const uint32_t *sums) {
    return _mm512_slli_epi64(
        _mm512_cvtepu32_epi64(_mm256_load_si256(reinterpret_cast<const __m256i *>(sums))), 8 * d);
  }
};

/// The first `count` of 64 words as one row of bytes per limb, `tileBytes` apart; zeros behind.
template <class Word> void limbRows(unsigned limbs, const Word *words, size_t count, uint8_t *out) {
  using Vector = PixelVector<Word>;
  constexpr unsigned lanes = Vector::lanes;
  for (size_t first = 0; first < tileDepth; first += lanes) {
    const size_t left = count > first ? count - first : 0;
    const uint32_t mask = left >= lanes ? (1u << lanes) - 1 : (1u << left) - 1;
    const __m512i v = left ? Vector::loadMasked(_mm512_setzero_si512(), mask, words + first)
                           : _mm512_setzero_si512();
    for (unsigned limb = 0; limb < limbs; ++limb)
      Vector::storeBytes(out + limb * tileBytes + first, v, 8 * limb);
  }
}

/// byte i of a, b, c, d side by side in r_i, for each of 16 lanes of 32 bits.
inline void bytesOf(__m512i a, __m512i b, __m512i c, __m512i d, __m512i &r0, __m512i &r1,
                    __m512i &r2, __m512i &r3) {
  const __m512i evenBytes = _mm512_set1_epi32(0x00ff00ff), lowHalf = _mm512_set1_epi32(0xffff);
  auto select = [](__m512i mask, __m512i x, __m512i y) { // mask ? x : y
    return _mm512_ternarylogic_epi32(mask, x, y, 0xca);
  };
  auto even = [&](__m512i x, __m512i y) { // x0 y0 x2 y2
    return select(evenBytes, x, _mm512_slli_epi32(y, 8));
  };
  auto odd = [&](__m512i x, __m512i y) { // x1 y1 x3 y3
    return select(evenBytes, _mm512_srli_epi32(x, 8), y);
  };
  auto low = [&](__m512i x, __m512i y) { return select(lowHalf, x, _mm512_slli_epi32(y, 16)); };
  auto high = [&](__m512i x, __m512i y) { return select(lowHalf, _mm512_srli_epi32(x, 16), y); };
  const __m512i evenAb = even(a, b), evenCd = even(c, d), oddAb = odd(a, b), oddCd = odd(c, d);
  r0 = low(evenAb, evenCd);
  r1 = low(oddAb, oddCd);
  r2 = high(evenAb, evenCd);
  r3 = high(oddAb, oddCd);
}

/// Four taps of 16 pixels as rows [16 pixels][4 taps] of bytes: store(limb, row).
template <class Store>
[[gnu::always_inline]] inline void limbQuad(unsigned limbs, const __m512i (&taps)[4][1],
                                            const Store &store) {
  __m512i row[4];
  bytesOf(taps[0][0], taps[1][0], taps[2][0], taps[3][0], row[0], row[1], row[2], row[3]);
  for (unsigned limb = 0; limb < limbs; ++limb)
    store(limb, row[limb]);
}
template <class Store>
[[gnu::always_inline]] inline void limbQuad(unsigned limbs, const __m512i (&taps)[4][2],
                                            const Store &store) {
  __m512i low[4][1], high[4][1]; // halves of 64-bit words
  const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0),
                odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  for (unsigned tap = 0; tap < 4; ++tap) {
    low[tap][0] = _mm512_permutex2var_epi32(taps[tap][0], even, taps[tap][1]);
    high[tap][0] = _mm512_permutex2var_epi32(taps[tap][0], odd, taps[tap][1]);
  }
  limbQuad(4, low, store);
  limbQuad(limbs - 4, high, [&](unsigned limb, __m512i row) { store(4 + limb, row); });
}

/// Four taps of 16 pixels as one row of every limb's tile, `tileBytes` apart.
template <unsigned vectors>
inline void limbQuadRows(unsigned limbs, const __m512i (&taps)[4][vectors], uint8_t *out) {
  limbQuad(limbs, taps,
           [&](unsigned limb, __m512i row) { _mm512_store_si512(out + limb * tileBytes, row); });
}

} // namespace
} // namespace gfs
