// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX-512 (F, BW, DQ, VL, IFMA, VBMI, VBMI2, VNNI).
#include "runtime/kernels/ConvKernel.h"
#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/PackAvx512.h"
#include "runtime/kernels/RescaleKernels.h"
#include "runtime/kernels/WinogradConv.h"

#include <immintrin.h>

namespace gfs {
namespace {

/// What both words share. A sum is one vector: multiply, add.
struct Simd512 {
  using Vector = __m512i;
  using Pixel = __m512i;
  using Weight = __m512i;
  using Sum = __m512i;
  static constexpr uint32_t tileRows = 8, tileVectors = 2;
  static Vector zero() { return _mm512_setzero_si512(); }
  static Vector load(const void *p) { return _mm512_loadu_si512(p); }
  static void store(void *p, Vector v) { _mm512_storeu_si512(p, v); }
  static Sum zeroSum() { return zero(); }
  static Vector finish(Sum sum) { return sum; }
  static Pixel pixel(Vector v) { return v; }
  static Weight weight(Vector v) { return v; }
};

struct Simd512x32 : Simd512 {
  using Word = uint32_t;
  static constexpr uint32_t lanes = 16, exactBits = 32;
  static Vector loadMasked(Vector v, uint32_t mask, const Word *p) {
    return _mm512_mask_loadu_epi32(v, static_cast<__mmask16>(mask), p);
  }
  static void storeMasked(Word *p, uint32_t mask, Vector v) {
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(mask), v);
  }
  static Vector add(Vector a, Vector b) { return _mm512_add_epi32(a, b); }
  static Vector sub(Vector a, Vector b) { return _mm512_sub_epi32(a, b); }
  static Vector quarter(Vector v) { return _mm512_srli_epi32(v, 2); }
  static void storeInterleaved(Word *p, Vector even, Vector odd) {
    const Vector low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    store(p, _mm512_permutex2var_epi32(even, low, odd));
    store(p + lanes, _mm512_permutex2var_epi32(even, add(low, _mm512_set1_epi32(8)), odd));
  }
  static Word reduceAdd(Vector v) { return static_cast<Word>(_mm512_reduce_add_epi32(v)); }
  static Weight broadcast(const Word *p) { return _mm512_set1_epi32(static_cast<int>(*p)); }
  static Sum multiplyAdd(Sum sum, Pixel a, Weight b) {
    return _mm512_add_epi32(sum, _mm512_mullo_epi32(a, b));
  }
};

struct Simd512x64 : Simd512 {
  using Word = uint64_t;
  static constexpr uint32_t lanes = 8, exactBits = 64;
  static Vector loadMasked(Vector v, uint32_t mask, const Word *p) {
    return _mm512_mask_loadu_epi64(v, static_cast<__mmask8>(mask), p);
  }
  static void storeMasked(Word *p, uint32_t mask, Vector v) {
    _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(mask), v);
  }
  static Vector add(Vector a, Vector b) { return _mm512_add_epi64(a, b); }
  static Vector sub(Vector a, Vector b) { return _mm512_sub_epi64(a, b); }
  static Vector quarter(Vector v) { return _mm512_srli_epi64(v, 2); }
  static void storeInterleaved(Word *p, Vector even, Vector odd) {
    const Vector low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    store(p, _mm512_permutex2var_epi64(even, low, odd));
    store(p + lanes, _mm512_permutex2var_epi64(even, add(low, _mm512_set1_epi64(4)), odd));
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

void conv32(const ConvShape &shape, const uint32_t *input, const uint32_t *weight,
            uint32_t *output) {
  ConvKernel<Simd512x32>::run(shape, input, weight, output);
}

void conv64(const ConvShape &shape, const uint64_t *input, const uint64_t *weight,
            uint64_t *output) {
  if (shape.ringBits <= 52)
    ConvKernel<Simd512x52>::run(shape, input, weight, output);
  else
    ConvKernel<Simd512x64>::run(shape, input, weight, output);
}

/// 3x3 convolutions by fewer multiplications, where the ring leaves two bits of the word. Of two
/// multipliers the faster: both read one form of weights.
template <class Narrow, class Wide> struct Winograd {
  using Word = typename Wide::Word;
  static size_t packedBytes(const ConvShape &shape) {
    return WinogradConv<Wide>::suits(shape) ? WinogradConv<Wide>::packedBytes(shape) : 0;
  }
  static void run(const ConvShape &shape, const Word *input, const void *packed, Word *output) {
    if (WinogradConv<Narrow>::suits(shape))
      WinogradConv<Narrow>::run(shape, input, packed, output);
    else
      WinogradConv<Wide>::run(shape, input, packed, output);
  }
};
using Winograd32 = Winograd<Simd512x32, Simd512x32>;
using Winograd64 = Winograd<Simd512x52, Simd512x64>;

template <class Word, class Packed, class Simd>
constexpr RingKernels<Word> ringKernels(decltype(RingKernels<Word>::conv) conv) {
  using Loops = Elementwise<Word, VbmiPacker<Word>>;
  RingKernels<Word> kernels = loopKernels<Word, VbmiPacker<Word>>(conv);
  kernels.tableLookup = lookupTables<Word, Loops>;
  kernels.packedWeightBytes = Packed::packedBytes;
  kernels.packWeights = WinogradConv<Simd>::pack;
  kernels.convPacked = Packed::run;
  return kernels;
}

} // namespace

const Kernels kernelsAvx512 = {"avx512", ringKernels<uint32_t, Winograd32, Simd512x32>(conv32),
                               ringKernels<uint64_t, Winograd64, Simd512x64>(conv64)};

} // namespace gfs
