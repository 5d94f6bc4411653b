// SPDX-License-Identifier: Apache-2.0
// Look-up in tables and one-hot vectors with AVX2; included by Avx2.cpp only.
#pragma once

#include "runtime/kernels/PackAvx2.h"

#include <utility>

namespace gfs {
namespace {

/// Eight words narrowed to 32 bits after a shift.
inline __m256i shiftedWords(const uint32_t *p, uint32_t subtract, unsigned shift) {
  const __m256i v = _mm256_sub_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)),
                                     _mm256_set1_epi32(static_cast<int>(subtract)));
  return _mm256_srl_epi32(v, _mm_cvtsi32_si128(static_cast<int>(shift)));
}
inline __m256i shiftedWords(const uint64_t *p, uint64_t subtract, unsigned shift) {
  auto four = [=](const uint64_t *at) {
    const __m256i v = _mm256_sub_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(at)),
                                       _mm256_set1_epi64x(static_cast<long long>(subtract)));
    return _mm256_castsi256_ps(_mm256_srl_epi64(v, _mm_cvtsi32_si128(static_cast<int>(shift))));
  };
  // The low halves of both, within 128 bits, then in order.
  const __m256 low = _mm256_shuffle_ps(four(p), four(p + 4), _MM_SHUFFLE(2, 0, 2, 0));
  return _mm256_permute4x64_epi64(_mm256_castps_si256(low), _MM_SHUFFLE(3, 1, 2, 0));
}

/// The lowest bit of each lane.
inline int lowestBits(__m256i v) {
  return _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_slli_epi32(v, 31)));
}

/// Lane j: the 32-bit word of table j, of 2^bits bits, that holds bit `index`. Smaller tables are
/// widened; of larger ones a permutation picks from each 32 bytes.
template <unsigned bits> __m256i wordsOfTables(const uint8_t *tables, __m256i index) {
  auto load = [=](size_t vector) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(tables + 32 * vector));
  };
  if constexpr (bits <= 3)
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(tables)));
  else if constexpr (bits == 4)
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(tables)));
  else if constexpr (bits == 5)
    return load(0);
  else {
    constexpr int tableWords = 1 << (bits - 5), perLoad = 8 / tableWords;
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
                  start = _mm256_slli_epi32(_mm256_and_si256(lane, _mm256_set1_epi32(perLoad - 1)),
                                            bits - 5),
                  word = _mm256_add_epi32(_mm256_srli_epi32(index, 5), start);
    __m256i picked = _mm256_permutevar8x32_epi32(load(0), word);
    [&]<size_t... vector>(std::index_sequence<vector...>) {
      ((picked = _mm256_blend_epi32(picked, _mm256_permutevar8x32_epi32(load(vector + 1), word),
                                    ((1 << perLoad) - 1) << (vector + 1) * perLoad)),
       ...);
    }(std::make_index_sequence<tableWords - 1>());
    return picked;
  }
}

/// Tables of 2^bits bits, a byte at least and 32 at most, eight at a time. The number of those that
/// were looked up, a multiple of eight.
template <unsigned bits, class Word>
size_t lookupTablesOf(unsigned low, const Word *masked, const uint8_t *tables, size_t n,
                      uint8_t *out) {
  constexpr size_t tableBytes = bits < 3 ? 1 : size_t(1) << (bits - 3);
  const Word half = low ? Word(1) << (low - 1) : 0;
  const __m256i indexMask = _mm256_set1_epi32((1 << bits) - 1);
  size_t i = 0;
  for (; i + 8 <= n; i += 8, tables += 8 * tableBytes) {
    const __m256i index = _mm256_and_si256(shiftedWords(masked + i, half, low), indexMask);
    const __m256i bit = _mm256_and_si256(index, _mm256_set1_epi32(31));
    out[i / 8] = static_cast<uint8_t>(
        lowestBits(_mm256_srlv_epi32(wordsOfTables<bits>(tables, index), bit)));
  }
  return i;
}

template <class Word, class Loops>
void lookupTables(WindowShape window, unsigned ringBits, const Word *masked, const uint8_t *tables,
                  size_t n, uint8_t *out) {
  constexpr decltype(&lookupTablesOf<0, Word>) of[] = {
      lookupTablesOf<0, Word>, lookupTablesOf<1, Word>, lookupTablesOf<2, Word>,
      lookupTablesOf<3, Word>, lookupTablesOf<4, Word>, lookupTablesOf<5, Word>,
      lookupTablesOf<6, Word>, lookupTablesOf<7, Word>, lookupTablesOf<8, Word>};
  const size_t done = window.bits() < 9 ? of[window.bits()](window.low, masked, tables, n, out) : 0;
  const size_t tableBytes = window.bits() < 3 ? 1 : size_t(1) << (window.bits() - 3);
  Loops::tableLookup(window, ringBits, masked + done, tables + done * tableBytes, n - done,
                     out + done / 8);
}

/// Eight one-hot vectors of 2^bits bits, in a lane of 32 bits each.
template <unsigned bits> __m256i oneHotLanes(const uint8_t *in) {
  if constexpr (bits == 4)
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(in)));
  else if constexpr (bits == 3)
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(in)));
  else {
    uint32_t all = 0;
    __builtin_memcpy(&all, in, size_t(1) << bits);
    const __m256i start = _mm256_slli_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), bits);
    return _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(static_cast<int>(all)), start),
                            _mm256_set1_epi32((1 << (1 << bits)) - 1));
  }
}

/// One-hot vectors of 2^bits bits, thirty-two at a time. The number of those that were looked up.
template <unsigned bits, class Word>
size_t lookupOneHotsOf(unsigned low, const Word *index, const uint8_t *oneHot, size_t n,
                       uint8_t *less, uint8_t *equal) {
  const __m256i indexMask = _mm256_set1_epi32((1 << bits) - 1);
  // Of the lowest bits of 2 x 16 lanes, in the order that packing leaves: four words of each half.
  auto store = [](uint8_t *out, __m256i a, __m256i b) {
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i bytes = _mm256_packs_epi16(_mm256_slli_epi16(a, 15), _mm256_slli_epi16(b, 15));
    const int found = _mm256_movemask_epi8(_mm256_permutevar8x32_epi32(bytes, order));
    __builtin_memcpy(out, &found, sizeof(found));
  };
  auto parityAbove = [](__m256i rest) { // of all bits, and the lowest again
    __m256i parity = rest;
    if constexpr (bits > 3)
      parity = _mm256_xor_si256(parity, _mm256_srli_epi16(parity, 8));
    if constexpr (bits > 2)
      parity = _mm256_xor_si256(parity, _mm256_srli_epi16(parity, 4));
    if constexpr (bits > 1)
      parity = _mm256_xor_si256(parity, _mm256_srli_epi16(parity, 2));
    parity = _mm256_xor_si256(parity, _mm256_srli_epi16(parity, 1));
    return _mm256_xor_si256(parity, rest);
  };
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    auto rest = [&](size_t group) { // bit 0 is that of the index
      const size_t at = i + 8 * group;
      const __m256i x = _mm256_and_si256(shiftedWords(index + at, 0, low), indexMask);
      return _mm256_srlv_epi32(oneHotLanes<bits>(oneHot + (at << bits) / 8), x);
    };
    const __m256i a = _mm256_packus_epi32(rest(0), rest(1)),
                  b = _mm256_packus_epi32(rest(2), rest(3));
    store(less + i / 8, parityAbove(a), parityAbove(b));
    store(equal + i / 8, a, b);
  }
  return i;
}

template <class Word, class Loops>
void lookupOneHots(unsigned low, unsigned bits, const Word *index, const uint8_t *oneHot, size_t n,
                   uint8_t *less, uint8_t *equal) {
  constexpr decltype(&lookupOneHotsOf<1, Word>) of[] = {
      lookupOneHotsOf<1, Word>, lookupOneHotsOf<2, Word>, lookupOneHotsOf<3, Word>,
      lookupOneHotsOf<4, Word>};
  const size_t done = of[bits - 1](low, index, oneHot, n, less, equal);
  Loops::oneHotLookup(low, bits, index + done, oneHot + (done << bits) / 8, n - done,
                      less + done / 8, equal + done / 8);
}

} // namespace
} // namespace gfs
