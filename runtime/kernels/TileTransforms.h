// SPDX-License-Identifier: Apache-2.0
// What happens to numbers before and after tiles multiply them: words become one tile of bytes per
// limb, and sums by pixel become vectors by channel. Both are transpositions in AVX-512 registers.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/TileLayout.h"

#include <immintrin.h>

namespace gfs {
namespace {

// --- Words to limbs ---

/// Vectors of 16 pixels of one word each; the low and the high halves of 64-bit words apart.
template <class Word> struct PixelVector;

template <> struct PixelVector<uint32_t> {
  static constexpr unsigned halves = 1, lanes = 16;
  __m512i half[1];
  static __m512i loadMasked(__m512i v, uint32_t mask, const uint32_t *p) {
    return _mm512_mask_loadu_epi32(v, static_cast<__mmask16>(mask), p);
  }
  static void storeMasked(uint32_t *p, uint32_t mask, __m512i v) {
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(mask), v);
  }
  static __m512i add(__m512i a, __m512i b) { return _mm512_add_epi32(a, b); }
  void set(const __m512i (&words)[1]) { half[0] = words[0]; }
};

template <> struct PixelVector<uint64_t> {
  static constexpr unsigned halves = 2, lanes = 8;
  __m512i half[2];
  static __m512i loadMasked(__m512i v, uint32_t mask, const uint64_t *p) {
    return _mm512_mask_loadu_epi64(v, static_cast<__mmask8>(mask), p);
  }
  static void storeMasked(uint64_t *p, uint32_t mask, __m512i v) {
    _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(mask), v);
  }
  static __m512i add(__m512i a, __m512i b) { return _mm512_add_epi64(a, b); }
  void set(const __m512i (&words)[2]) {
    auto join = [](__m512i a, __m512i b) {
      return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi64_epi32(a)),
                                _mm512_cvtepi64_epi32(b), 1);
    };
    half[0] = join(words[0], words[1]);
    half[1] = join(_mm512_srli_epi64(words[0], 32), _mm512_srli_epi64(words[1], 32));
  }
};

/// byte i of a, b, c, d side by side in r_i, for each of 16 lanes of 32 bits.
inline void bytesOf(__m512i a, __m512i b, __m512i c, __m512i d, __m512i &r0, __m512i &r1,
                    __m512i &r2, __m512i &r3) {
  const __m512i evenBytes = _mm512_set1_epi32(0x00ff00ff), lowHalf = _mm512_set1_epi32(0xffff);
  auto even = [&](__m512i x, __m512i y) { // x0 y0 x2 y2
    return _mm512_or_si512(_mm512_and_si512(x, evenBytes),
                           _mm512_slli_epi32(_mm512_and_si512(y, evenBytes), 8));
  };
  auto odd = [&](__m512i x, __m512i y) { // x1 y1 x3 y3
    return _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi32(x, 8), evenBytes),
                           _mm512_andnot_si512(evenBytes, y));
  };
  auto low = [&](__m512i x, __m512i y) {
    return _mm512_or_si512(_mm512_and_si512(x, lowHalf), _mm512_slli_epi32(y, 16));
  };
  auto high = [&](__m512i x, __m512i y) {
    return _mm512_or_si512(_mm512_srli_epi32(x, 16), _mm512_andnot_si512(lowHalf, y));
  };
  const __m512i evenAb = even(a, b), evenCd = even(c, d), oddAb = odd(a, b), oddCd = odd(c, d);
  r0 = low(evenAb, evenCd);
  r1 = low(oddAb, oddCd);
  r2 = high(evenAb, evenCd);
  r3 = high(oddAb, oddCd);
}

/// Transposes 16 rows of 16 words.
inline void transpose(__m512i (&v)[16]) {
  __m512i t[16];
  for (unsigned i = 0; i < 16; i += 4) { // 4 x 4 words within each 128 bits
    const __m512i a = _mm512_unpacklo_epi32(v[i], v[i + 1]),
                  b = _mm512_unpackhi_epi32(v[i], v[i + 1]),
                  c = _mm512_unpacklo_epi32(v[i + 2], v[i + 3]),
                  d = _mm512_unpackhi_epi32(v[i + 2], v[i + 3]);
    t[i] = _mm512_unpacklo_epi64(a, c);
    t[i + 1] = _mm512_unpackhi_epi64(a, c);
    t[i + 2] = _mm512_unpacklo_epi64(b, d);
    t[i + 3] = _mm512_unpackhi_epi64(b, d);
  }
  for (unsigned i = 0; i < 4; ++i) { // 4 x 4 blocks of 128 bits
    const __m512i a = _mm512_shuffle_i32x4(t[i], t[i + 4], 0x88),
                  b = _mm512_shuffle_i32x4(t[i], t[i + 4], 0xdd),
                  c = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0x88),
                  d = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0xdd);
    v[i] = _mm512_shuffle_i32x4(a, c, 0x88);
    v[i + 8] = _mm512_shuffle_i32x4(a, c, 0xdd);
    v[i + 4] = _mm512_shuffle_i32x4(b, d, 0x88);
    v[i + 12] = _mm512_shuffle_i32x4(b, d, 0xdd);
  }
}

/// Makes the tiles of one block of pixels, limb by limb.
template <class Word> class LimbTiles {
  using Pixels = PixelVector<Word>;

public:
  /// 16 pixels of 64 taps as one tile per limb, `limbBytes` apart; `load(tap)` gives 16 pixels.
  template <class Load>
  void pack(unsigned limbs, uint8_t *out, size_t limbBytes, const Load &load) {
    for (unsigned quad = 0; quad < 16; ++quad) {
      const Pixels a = load(4 * quad), b = load(4 * quad + 1), c = load(4 * quad + 2),
                   d = load(4 * quad + 3);
      for (unsigned h = 0; h < Pixels::halves; ++h)
        bytesOf(a.half[h], b.half[h], c.half[h], d.half[h], quads[4 * h][quad],
                quads[4 * h + 1][quad], quads[4 * h + 2][quad], quads[4 * h + 3][quad]);
    }
    for (unsigned limb = 0; limb < limbs; ++limb) {
      transpose(quads[limb]);
      for (unsigned row = 0; row < tileRows; ++row)
        _mm512_store_si512(out + limb * limbBytes + row * tileDepth, quads[limb][row]);
    }
  }

private:
  __m512i quads[8][16]; ///< [limb][four taps]: their bytes of 16 pixels.
};

// --- Sums to channels ---

/// Sums of 16 pixels x 16 channels, transposed: vector v of a column has pixels v * lanes on of one
/// channel.
template <class Word> using ChannelColumns = __m512i[tileRows][PixelVector<Word>::halves];

inline void toColumns(const uint32_t (&sums)[tileRows][tileRows],
                      ChannelColumns<uint32_t> &columns) {
  __m512i rows[16];
  for (unsigned row = 0; row < tileRows; ++row)
    rows[row] = _mm512_load_si512(sums[row]);
  transpose(rows);
  for (unsigned c = 0; c < tileRows; ++c)
    columns[c][0] = rows[c];
}

/// One block of 8 x 8 words: pixels 8 v … 8 v + 7, channels 8 half … 8 half + 7.
inline void toColumns(const uint64_t (&sums)[tileRows][tileRows], unsigned v, unsigned half,
                      ChannelColumns<uint64_t> &columns) {
  __m512i r[8], t[8];
  for (unsigned i = 0; i < 8; ++i)
    r[i] = _mm512_load_si512(sums[8 * v + i] + 8 * half);
  for (unsigned i = 0; i < 8; i += 2) {
    t[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
  }
  for (unsigned i = 0; i < 2; ++i) {
    const __m512i a = _mm512_shuffle_i64x2(t[i], t[i + 2], 0x88),
                  b = _mm512_shuffle_i64x2(t[i], t[i + 2], 0xdd),
                  c = _mm512_shuffle_i64x2(t[i + 4], t[i + 6], 0x88),
                  d = _mm512_shuffle_i64x2(t[i + 4], t[i + 6], 0xdd);
    columns[8 * half + i][v] = _mm512_shuffle_i64x2(a, c, 0x88);
    columns[8 * half + i + 4][v] = _mm512_shuffle_i64x2(a, c, 0xdd);
    columns[8 * half + i + 2][v] = _mm512_shuffle_i64x2(b, d, 0x88);
    columns[8 * half + i + 6][v] = _mm512_shuffle_i64x2(b, d, 0xdd);
  }
}

inline void toColumns(const uint64_t (&sums)[tileRows][tileRows],
                      ChannelColumns<uint64_t> &columns) {
  for (unsigned v = 0; v < 2; ++v)
    for (unsigned half = 0; half < 2; ++half)
      toColumns(sums, v, half, columns);
}

} // namespace
} // namespace gfs
