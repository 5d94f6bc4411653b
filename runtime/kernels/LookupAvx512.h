// SPDX-License-Identifier: Apache-2.0
// Look-up in tables and one-hot vectors with AVX-512 VBMI; included by Avx512.cpp only.
#pragma once

#include "runtime/kernels/PackAvx512.h"

#include <utility>

namespace gfs {
namespace {

/// Sixteen words narrowed to 32 bits after a shift.
inline __m512i shiftedWords(const uint32_t *p, __mmask16 lanes, uint32_t subtract, unsigned shift) {
  __m512i v = _mm512_sub_epi32(_mm512_maskz_loadu_epi32(lanes, p),
                               _mm512_set1_epi32(static_cast<int>(subtract)));
  return _mm512_srl_epi32(v, _mm_cvtsi32_si128(static_cast<int>(shift)));
}
inline __m512i shiftedWords(const uint64_t *p, __mmask16 lanes, uint64_t subtract, unsigned shift) {
  auto half = [=](const uint64_t *at, __mmask8 mask) {
    __m512i v = _mm512_maskz_loadu_epi64(mask, at);
    v = _mm512_sub_epi64(v, _mm512_set1_epi64(static_cast<long long>(subtract)));
    return _mm512_cvtepi64_epi32(_mm512_srl_epi64(v, _mm_cvtsi32_si128(static_cast<int>(shift))));
  };
  __m256i low = half(p, static_cast<__mmask8>(lanes)),
          high = half(p + 8, static_cast<__mmask8>(lanes >> 8));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/// Tables of 2^bits bits, up to 64 bytes, sixteen at a time: a permutation picks from each 64 bytes
/// of tables the 32-bit word that holds the bit, a shift picks the bit.
template <unsigned bits, class Word>
void lookupTablesOf(unsigned low, const Word *masked, const uint8_t *tables, size_t n,
                    uint8_t *out) {
  constexpr unsigned tableBits = bits < 3 ? 8 : 1u << bits;
  // Tables of one load that serve these lanes.
  constexpr unsigned perLoad = tableBits < 32 ? 16 : 512 / tableBits;
  constexpr unsigned loadBytes = perLoad * tableBits / 8;
  const Word half = low ? Word(1) << (low - 1) : 0;
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  // Where the table of lane j starts within its load, in bits.
  const __m512i start =
      _mm512_mullo_epi32(_mm512_and_si512(lane, _mm512_set1_epi32(static_cast<int>(perLoad - 1))),
                         _mm512_set1_epi32(static_cast<int>(tableBits)));
  const __m512i indexMask = _mm512_set1_epi32((1 << bits) - 1);
  size_t bytesLeft = n * (tableBits / 8);
  for (size_t i = 0; i < n; i += 16) {
    const size_t count = n - i < 16 ? n - i : 16;
    const auto lanes = static_cast<__mmask16>((1u << count) - 1);
    __m512i index = _mm512_and_si512(shiftedWords(masked + i, lanes, half, low), indexMask);
    const __m512i position = _mm512_add_epi32(index, start), word = _mm512_srli_epi32(position, 5);
    __m512i picked = _mm512_setzero_si512();
    auto pick = [&](unsigned first, __m512i loaded) {
      const auto served = static_cast<__mmask16>(((1u << perLoad) - 1) << first);
      picked = _mm512_mask_permutexvar_epi32(picked, served, word, loaded);
    };
    if (bytesLeft >= 16 * tableBits / 8 + 64 - loadBytes) { // loads of 64 bytes stay inside
#pragma GCC unroll 16
      for (unsigned first = 0; first < 16; first += perLoad)
        pick(first, _mm512_loadu_si512(tables + first * tableBits / 8));
      tables += 16 * tableBits / 8;
      bytesLeft -= 16 * tableBits / 8;
    } else {
      for (unsigned first = 0; first < count; first += perLoad) {
        const size_t bytes = bytesLeft < loadBytes ? bytesLeft : loadBytes;
        pick(first, _mm512_maskz_loadu_epi8(firstBytes(bytes), tables));
        tables += bytes;
        bytesLeft -= bytes;
      }
    }
    // vpsrlvd wants the shift below 32: the low 5 bits of the position.
    picked = _mm512_srlv_epi32(picked, _mm512_and_si512(position, _mm512_set1_epi32(31)));
    const __mmask16 found = _mm512_mask_test_epi32_mask(lanes, picked, _mm512_set1_epi32(1));
    storeBits(out + i / 8, found, count);
  }
}

template <class Word, class Fallback>
void lookupTables(WindowShape window, unsigned ringBits, const Word *masked, const uint8_t *tables,
                  size_t n, uint8_t *out) {
  auto with = [&]<size_t... bits>(std::index_sequence<bits...>) {
    return ((window.bits() == bits &&
             (lookupTablesOf<bits>(window.low, masked, tables, n, out), true)) ||
            ...);
  };
  if (!with(std::make_index_sequence<10>()))
    Fallback::tableLookup(window, ringBits, masked, tables, n, out);
}

/// Thirty-two words narrowed to 16 bits after a shift.
inline __m512i shiftedToShorts(const uint32_t *p, __mmask32 lanes, unsigned shift) {
  const __m128i by = _mm_cvtsi32_si128(static_cast<int>(shift));
  auto half = [=](const uint32_t *at, __mmask16 mask) {
    return _mm512_cvtepi32_epi16(_mm512_srl_epi32(_mm512_maskz_loadu_epi32(mask, at), by));
  };
  const __m256i low = half(p, static_cast<__mmask16>(lanes)),
                high = half(p + 16, static_cast<__mmask16>(lanes >> 16));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
inline __m512i shiftedToShorts(const uint64_t *p, __mmask32 lanes, unsigned shift) {
  const __m128i by = _mm_cvtsi32_si128(static_cast<int>(shift));
  auto quarter = [=](unsigned q) {
    const auto mask = static_cast<__mmask8>(lanes >> (8 * q));
    return _mm512_cvtepi64_epi16(_mm512_srl_epi64(_mm512_maskz_loadu_epi64(mask, p + 8 * q), by));
  };
  const __m256i low = _mm256_set_m128i(quarter(1), quarter(0)),
                high = _mm256_set_m128i(quarter(3), quarter(2));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/// Where the bits of 32 vectors of 2^bits bits lie, by lane of 16 bits: the byte of the first, with
/// nothing above it, and the shift within it.
template <unsigned bits> struct OneHotLanes {
  alignas(64) uint8_t byte[64] = {};
  alignas(64) uint16_t shift[32] = {};
  uint64_t bytesMask = 0;
  constexpr OneHotLanes() {
    for (unsigned j = 0; j < 32; ++j) {
      byte[2 * j] = static_cast<uint8_t>((j << bits) / 8);
      shift[j] = static_cast<uint16_t>((j << bits) % 8);
      bytesMask |= uint64_t(1) << (2 * j);
    }
  }
};

/// One-hot vectors of 2^bits bits, thirty-two at a time, a lane of 16 bits each.
template <unsigned bits, class Word>
void lookupOneHotsOf(unsigned low, const Word *index, const uint8_t *oneHot, size_t n,
                     uint8_t *less, uint8_t *equal) {
  static constexpr OneHotLanes<bits> lanes;
  constexpr size_t groupBytes = 4u << bits;
  const __m512i indexMask = _mm512_set1_epi16((1 << bits) - 1), one = _mm512_set1_epi16(1);
  size_t bytesLeft = ((n << bits) + 7) / 8;
  for (size_t i = 0; i < n; i += 32) {
    const size_t count = n - i < 32 ? n - i : 32;
    const auto here = static_cast<__mmask32>((uint64_t(1) << count) - 1);
    const __m512i x = _mm512_and_si512(shiftedToShorts(index + i, here, low), indexMask);
    const size_t bytes = bytesLeft < groupBytes ? bytesLeft : groupBytes;
    __m512i vector = _mm512_maskz_loadu_epi8(firstBytes(bytes), oneHot);
    oneHot += bytes;
    bytesLeft -= bytes;
    if constexpr (bits < 4) {
      vector =
          _mm512_maskz_permutexvar_epi8(lanes.bytesMask, _mm512_load_si512(lanes.byte), vector);
      vector = _mm512_srlv_epi16(vector, _mm512_load_si512(lanes.shift));
      vector = _mm512_and_si512(vector, _mm512_set1_epi16((1 << (1 << bits)) - 1));
    }
    const __m512i rest = _mm512_srlv_epi16(vector, x); // bit 0 is that of x
    __m512i parity = _mm512_srli_epi16(rest, 1);       // of what is above, folded
    parity = _mm512_xor_si512(parity, _mm512_srli_epi16(parity, 8));
    parity = _mm512_xor_si512(parity, _mm512_srli_epi16(parity, 4));
    parity = _mm512_xor_si512(parity, _mm512_srli_epi16(parity, 2));
    parity = _mm512_xor_si512(parity, _mm512_srli_epi16(parity, 1));
    storeBits(less + i / 8, _mm512_mask_test_epi16_mask(here, parity, one), count);
    storeBits(equal + i / 8, _mm512_mask_test_epi16_mask(here, rest, one), count);
  }
}

template <class Word>
void lookupOneHots(unsigned low, unsigned bits, const Word *index, const uint8_t *oneHot, size_t n,
                   uint8_t *less, uint8_t *equal) {
  constexpr decltype(&lookupOneHotsOf<1, Word>) of[] = {
      lookupOneHotsOf<1, Word>, lookupOneHotsOf<2, Word>, lookupOneHotsOf<3, Word>,
      lookupOneHotsOf<4, Word>};
  of[bits - 1](low, index, oneHot, n, less, equal);
}

} // namespace
} // namespace gfs
