// SPDX-License-Identifier: Apache-2.0
// AVX2's vectors of ring words, as ConvKernel.h and FastConv.h ask for them.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace gfs {
namespace {

/// What both words share.
struct Simd256 {
  using Vector = __m256i;
  static Vector zero() { return _mm256_setzero_si256(); }
  static Vector load(const void *p) { return _mm256_loadu_si256(static_cast<const __m256i *>(p)); }
  static void store(void *p, Vector v) { _mm256_storeu_si256(static_cast<__m256i *>(p), v); }
  /// The lower halves of a and b, and the upper ones.
  static void joinHalves(Vector a, Vector b, Vector &lower, Vector &upper) {
    lower = _mm256_permute2x128_si256(a, b, 0x20);
    upper = _mm256_permute2x128_si256(a, b, 0x31);
  }
};

/// Vectors whose elements alternate in memory, for Simds with zip() and unzip(): two vectors at a
/// time, and two pairs of the results again.
template <class Simd, class Word> struct Lines256 {
  /// Element i * count + k of memory is element i of vector k.
  template <uint32_t count> static void storeInterleaved(Word *p, const __m256i (&v)[count]) {
    __m256i line[count];
    if constexpr (count == 2)
      Simd::zip(v[0], v[1], line[0], line[1]);
    else if constexpr (count == 4) {
      __m256i even[2], odd[2]; // of vectors
      Simd::zip(v[0], v[2], even[0], even[1]);
      Simd::zip(v[1], v[3], odd[0], odd[1]);
      Simd::zip(even[0], odd[0], line[0], line[1]);
      Simd::zip(even[1], odd[1], line[2], line[3]);
    } else
      rearrange(v, line, [](uint32_t k, uint32_t i) { return i * count + k; });
    for (uint32_t k = 0; k < count; ++k)
      Simd::store(p + k * Simd::lanes, line[k]);
  }
  /// The inverse, of memory in `line`.
  template <uint32_t count>
  static void deinterleave(const __m256i (&line)[count], __m256i (&v)[count]) {
    if constexpr (count == 1)
      v[0] = line[0];
    else if constexpr (count == 2)
      Simd::unzip(line[0], line[1], v[0], v[1]);
    else if constexpr (count == 4) {
      __m256i even[2], odd[2]; // elements
      Simd::unzip(line[0], line[1], even[0], odd[0]);
      Simd::unzip(line[2], line[3], even[1], odd[1]);
      Simd::unzip(even[0], even[1], v[0], v[2]);
      Simd::unzip(odd[0], odd[1], v[1], v[3]);
    } else
      rearrange(line, v, [](uint32_t k, uint32_t i) {
        return (k * Simd::lanes + i) % count * Simd::lanes + (k * Simd::lanes + i) / count;
      });
  }

private:
  /// Element i of vector k becomes element place(k, i) of all.
  template <uint32_t count, class Place>
  static void rearrange(const __m256i (&from)[count], __m256i (&to)[count], const Place &place) {
    Word before[Simd::lanes], after[count * Simd::lanes];
    for (uint32_t k = 0; k < count; ++k) {
      Simd::store(before, from[k]);
      for (uint32_t i = 0; i < Simd::lanes; ++i)
        after[place(k, i)] = before[i];
    }
    for (uint32_t k = 0; k < count; ++k)
      to[k] = Simd::load(after + k * Simd::lanes);
  }
};

struct Simd256x32 : Simd256, Lines256<Simd256x32, uint32_t> {
  using Word = uint32_t;
  using Pixel = __m256i;
  using Weight = __m256i;
  using Sum = __m256i;
  static constexpr uint32_t lanes = 8, tileRows = 6, tileVectors = 2, pairedRows = 4,
                            exactBits = 32;
  static __m256i laneMask(uint32_t mask) {
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int>(mask)), bits),
                              bits);
  }
  static Vector loadMasked(Vector v, uint32_t mask, const Word *p) {
    const __m256i lanes = laneMask(mask);
    return _mm256_blendv_epi8(v, _mm256_maskload_epi32(reinterpret_cast<const int *>(p), lanes),
                              lanes);
  }
  static void storeMasked(Word *p, uint32_t mask, Vector v) {
    _mm256_maskstore_epi32(reinterpret_cast<int *>(p), laneMask(mask), v);
  }
  static Sum zeroSum() { return zero(); }
  static Vector finish(Sum sum) { return sum; }
  static Pixel pixel(Vector v) { return v; }
  static Weight weight(Vector v) { return v; }
  static Vector add(Vector a, Vector b) { return _mm256_add_epi32(a, b); }
  static Vector sub(Vector a, Vector b) { return _mm256_sub_epi32(a, b); }
  template <int bits> static Vector shiftRight(Vector v) { return _mm256_srli_epi32(v, bits); }
  /// Elements of a and b in turn: the first half of them, and the second.
  static void zip(Vector a, Vector b, Vector &first, Vector &second) {
    joinHalves(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b), first, second);
  }
  /// Of a and b behind one another, the elements at even places and those at odd ones.
  static void unzip(Vector a, Vector b, Vector &even, Vector &odd) {
    Vector low, high;
    joinHalves(a, b, low, high);
    const __m256 l = _mm256_castsi256_ps(low), h = _mm256_castsi256_ps(high);
    even = _mm256_castps_si256(_mm256_shuffle_ps(l, h, 0x88));
    odd = _mm256_castps_si256(_mm256_shuffle_ps(l, h, 0xdd));
  }
  static Word reduceAdd(Vector v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_unpackhi_epi64(s, s));
    return static_cast<Word>(_mm_cvtsi128_si32(s)) + static_cast<Word>(_mm_extract_epi32(s, 1));
  }
  static Weight broadcast(const Word *p) { return _mm256_set1_epi32(static_cast<int>(*p)); }
  static Sum multiplyAdd(Sum sum, Pixel a, Weight b) {
    return _mm256_add_epi32(sum, _mm256_mullo_epi32(a, b));
  }
};

/// There is no 64-bit multiplication: a b = a0 b0 + 2^32 (a0 b1 + a1 b0) mod 2^64 with 32-bit
/// halves. The two cross products are the two lanes of one 32-bit multiplication with a's halves
/// exchanged; they are summed apart.
struct Simd256x64 : Simd256, Lines256<Simd256x64, uint64_t> {
  using Word = uint64_t;
  struct Pixel {
    __m256i value, exchanged;
  };
  using Weight = __m256i;
  struct Sum {
    __m256i low, cross;
  };
  static constexpr uint32_t lanes = 4, tileRows = 4, tileVectors = 1, exactBits = 64;
  static constexpr uint32_t pairedRows = 0; // sums would have to be exchanged anew
  static __m256i laneMask(uint32_t mask) {
    const __m256i bits = _mm256_setr_epi64x(1, 2, 4, 8);
    return _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(mask), bits), bits);
  }
  static Vector loadMasked(Vector v, uint32_t mask, const Word *p) {
    const __m256i lanes = laneMask(mask);
    return _mm256_blendv_epi8(
        v, _mm256_maskload_epi64(reinterpret_cast<const long long *>(p), lanes), lanes);
  }
  static void storeMasked(Word *p, uint32_t mask, Vector v) {
    _mm256_maskstore_epi64(reinterpret_cast<long long *>(p), laneMask(mask), v);
  }
  static Pixel pixel(Vector v) { return {v, _mm256_shuffle_epi32(v, 0xb1)}; }
  static Weight weight(Vector v) { return v; }
  static Sum zeroSum() { return {zero(), zero()}; }
  static Sum multiplyAdd(Sum sum, Pixel a, Weight b) {
    return {_mm256_add_epi64(sum.low, _mm256_mul_epu32(a.value, b)),
            _mm256_add_epi32(sum.cross, _mm256_mullo_epi32(a.exchanged, b))};
  }
  static Vector finish(Sum sum) {
    __m256i cross = _mm256_add_epi32(sum.cross, _mm256_srli_epi64(sum.cross, 32));
    return _mm256_add_epi64(sum.low, _mm256_slli_epi64(cross, 32));
  }
  static Vector add(Vector a, Vector b) { return _mm256_add_epi64(a, b); }
  static Vector sub(Vector a, Vector b) { return _mm256_sub_epi64(a, b); }
  template <int bits> static Vector shiftRight(Vector v) { return _mm256_srli_epi64(v, bits); }
  /// Elements of a and b in turn: the first half of them, and the second.
  static void zip(Vector a, Vector b, Vector &first, Vector &second) {
    joinHalves(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b), first, second);
  }
  /// Of a and b behind one another, the elements at even places and those at odd ones.
  static void unzip(Vector a, Vector b, Vector &even, Vector &odd) {
    Vector low, high;
    joinHalves(a, b, low, high);
    even = _mm256_unpacklo_epi64(low, high);
    odd = _mm256_unpackhi_epi64(low, high);
  }
  static Word reduceAdd(Vector v) {
    __m128i s = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return static_cast<Word>(_mm_cvtsi128_si64(s)) + static_cast<Word>(_mm_extract_epi64(s, 1));
  }
  static Weight broadcast(const Word *p) { return _mm256_set1_epi64x(static_cast<long long>(*p)); }
};

} // namespace
} // namespace gfs
