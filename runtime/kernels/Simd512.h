// SPDX-License-Identifier: Apache-2.0
// AVX-512's vectors of ring words, as ConvKernel.h and FastConv.h ask for them.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace gfs {
namespace {

/// Where the elements of `count` interleaved vectors come from: element e of all lines is element
/// e / count of vector e % count. As an index into vectors 0 and 1 behind one another; those of
/// each other vector k have their bit in from[k].
template <class Word, uint32_t count> struct Interleaving {
  static constexpr uint32_t lanes = 64 / sizeof(Word);
  Word index[count][lanes] = {};
  uint32_t from[count][count] = {}; // [vector][line]
  constexpr Interleaving() {
    for (uint32_t e = 0; e < count * lanes; ++e) {
      index[e / lanes][e % lanes] = e / count + (e % count == 1 ? lanes : 0);
      from[e % count][e / lanes] |= 1U << e % lanes;
    }
  }
};

/// The inverse: element i of vector k is element e = i * count + k of all lines, element e % lanes
/// of line e / lanes.
template <class Word, uint32_t count> struct Deinterleaving {
  static constexpr uint32_t lanes = 64 / sizeof(Word);
  Word index[count][lanes] = {};
  uint32_t from[count][count] = {}; // [line][vector]
  constexpr Deinterleaving() {
    for (uint32_t e = 0; e < count * lanes; ++e) {
      index[e % count][e / count] = e;
      from[e / lanes][e % count] |= 1U << e / count;
    }
  }
};

/// What both words share. A sum is one vector: multiply, add.
struct Simd512 {
  using Vector = __m512i;
  using Pixel = __m512i;
  using Weight = __m512i;
  using Sum = __m512i;
  static constexpr uint32_t tileRows = 8, tileVectors = 2, pairedRows = 8;
  static Vector zero() { return _mm512_setzero_si512(); }
  static Vector load(const void *p) { return _mm512_loadu_si512(p); }
  static void store(void *p, Vector v) { _mm512_storeu_si512(p, v); }
  static Sum zeroSum() { return zero(); }
  static Vector finish(Sum sum) { return sum; }
  static Pixel pixel(Vector v) { return v; }
  static Weight weight(Vector v) { return v; }
};

/// Vectors whose elements alternate in memory, for Simds with permute() and permuteMasked().
template <class Simd, class Word> struct Lines512 {
  static constexpr uint32_t lanes = 64 / sizeof(Word);
  template <uint32_t count> static void storeInterleaved(Word *p, const __m512i (&v)[count]) {
    static constexpr Interleaving<Word, count> order;
    for (uint32_t i = 0; i < count; ++i) {
      const __m512i index = Simd::load(order.index[i]);
      __m512i line = Simd::permute(index, v[0], v[1]);
      for (uint32_t k = 2; k < count; ++k)
        line = Simd::permuteMasked(line, order.from[k][i], index, v[k]);
      Simd::store(p + i * lanes, line);
    }
  }
  template <uint32_t count>
  static void deinterleave(const __m512i (&line)[count], __m512i (&v)[count]) {
    static constexpr Deinterleaving<Word, count> order;
    for (uint32_t i = 0; i < count; ++i) {
      const __m512i index = Simd::load(order.index[i]);
      v[i] = line[0];
      if constexpr (count > 1)
        v[i] = Simd::permute(index, line[0], line[1]);
      for (uint32_t k = 2; k < count; ++k)
        v[i] = Simd::permuteMasked(v[i], order.from[k][i], index, line[k]);
    }
  }
};

struct Simd512x32 : Simd512, Lines512<Simd512x32, uint32_t> {
  using Word = uint32_t;
  static constexpr uint32_t exactBits = 32;
  static Vector loadMasked(Vector v, uint32_t mask, const Word *p) {
    return _mm512_mask_loadu_epi32(v, static_cast<__mmask16>(mask), p);
  }
  static void storeMasked(Word *p, uint32_t mask, Vector v) {
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(mask), v);
  }
  static Vector add(Vector a, Vector b) { return _mm512_add_epi32(a, b); }
  static Vector sub(Vector a, Vector b) { return _mm512_sub_epi32(a, b); }
  template <int bits> static Vector shiftRight(Vector v) { return _mm512_srli_epi32(v, bits); }
  /// Elements of a and b behind one another, by index.
  static Vector permute(Vector index, Vector a, Vector b) {
    return _mm512_permutex2var_epi32(a, index, b);
  }
  /// Those of v in the lanes of `mask`, else those of `kept`.
  static Vector permuteMasked(Vector kept, uint32_t mask, Vector index, Vector v) {
    return _mm512_mask_permutexvar_epi32(kept, static_cast<__mmask16>(mask), index, v);
  }
  static Word reduceAdd(Vector v) { return static_cast<Word>(_mm512_reduce_add_epi32(v)); }
  static Weight broadcast(const Word *p) { return _mm512_set1_epi32(static_cast<int>(*p)); }
  static Sum multiplyAdd(Sum sum, Pixel a, Weight b) {
    return _mm512_add_epi32(sum, _mm512_mullo_epi32(a, b));
  }
};

struct Simd512x64 : Simd512, Lines512<Simd512x64, uint64_t> {
  using Word = uint64_t;
  static constexpr uint32_t exactBits = 64;
  static Vector loadMasked(Vector v, uint32_t mask, const Word *p) {
    return _mm512_mask_loadu_epi64(v, static_cast<__mmask8>(mask), p);
  }
  static void storeMasked(Word *p, uint32_t mask, Vector v) {
    _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(mask), v);
  }
  static Vector add(Vector a, Vector b) { return _mm512_add_epi64(a, b); }
  static Vector sub(Vector a, Vector b) { return _mm512_sub_epi64(a, b); }
  template <int bits> static Vector shiftRight(Vector v) { return _mm512_srli_epi64(v, bits); }
  /// Elements of a and b behind one another, by index.
  static Vector permute(Vector index, Vector a, Vector b) {
    return _mm512_permutex2var_epi64(a, index, b);
  }
  /// Those of v in the lanes of `mask`, else those of `kept`.
  static Vector permuteMasked(Vector kept, uint32_t mask, Vector index, Vector v) {
    return _mm512_mask_permutexvar_epi64(kept, static_cast<__mmask8>(mask), index, v);
  }
  static Word reduceAdd(Vector v) { return static_cast<Word>(_mm512_reduce_add_epi64(v)); }
  static Weight broadcast(const Word *p) { return _mm512_set1_epi64(static_cast<long long>(*p)); }
  static Sum multiplyAdd(Sum sum, Pixel a, Weight b) {
    return _mm512_add_epi64(sum, _mm512_mullo_epi64(a, b));
  }
};

/// Rings of up to 52 bits: one instruction multiplies the low 52 bits of both operands and adds the
/// low 52 bits of the product to a 64-bit sum, whose low 52 bits are therefore right.
struct Simd512x52 : Simd512x64 {
  static constexpr uint32_t exactBits = 52;
  static Sum multiplyAdd(Sum sum, Pixel a, Weight b) { return _mm512_madd52lo_epu64(sum, a, b); }
};

/// The same without pairs of taps. Intel's processors start two of these multiplications a cycle,
/// as many as additions: pairs reach two thirds of their peak there, and on AMD's 1.35 times.
struct Simd512x52Single : Simd512x52 {
  static constexpr uint32_t pairedRows = 0;
};

} // namespace
} // namespace gfs
