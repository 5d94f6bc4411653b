// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX2 and BMI2.
#include "runtime/kernels/ConvKernel.h"
#include "runtime/kernels/FastConvs.h"
#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/LookupAvx2.h"
#include "runtime/kernels/RescaleKernels.h"

#include <immintrin.h>

namespace gfs {
namespace {

struct Simd256 {
  using Vector = __m256i;
  static constexpr bool dealsRows = false; // masks cost more than they save
  static Vector zero() { return _mm256_setzero_si256(); }
  static Vector load(const void *p) { return _mm256_loadu_si256(static_cast<const __m256i *>(p)); }
  static void store(void *p, Vector v) { _mm256_storeu_si256(static_cast<__m256i *>(p), v); }
};

/// Element e of the line is element e / count of vector e % count.
template <class Simd, uint32_t count>
void storeInterleaved(typename Simd::Word *p, const __m256i (&v)[count]) {
  typename Simd::Word lane[count][Simd::lanes];
  for (uint32_t k = 0; k < count; ++k)
    Simd::store(lane[k], v[k]);
  for (uint32_t i = 0; i < Simd::lanes; ++i)
    for (uint32_t k = 0; k < count; ++k)
      *p++ = lane[k][i];
}

struct Simd256x32 : Simd256 {
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
  template <uint32_t count> static void storeInterleaved(Word *p, const Vector (&v)[count]) {
    gfs::storeInterleaved<Simd256x32>(p, v);
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
struct Simd256x64 : Simd256 {
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
  template <uint32_t count> static void storeInterleaved(Word *p, const Vector (&v)[count]) {
    gfs::storeInterleaved<Simd256x64>(p, v);
  }
  static Word reduceAdd(Vector v) {
    __m128i s = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return static_cast<Word>(_mm_cvtsi128_si64(s)) + static_cast<Word>(_mm_extract_epi64(s, 1));
  }
  static Weight broadcast(const Word *p) { return _mm256_set1_epi64x(static_cast<long long>(*p)); }
};

template <class Simd> constexpr RingKernels<typename Simd::Word> ringKernels() {
  using Word = typename Simd::Word;
  using Fast = FastConvs<Simd, Simd>;
  using Loops = Elementwise<Word, Avx2Packer<Word>>;
  RingKernels<Word> kernels = loopKernels<Word, Avx2Packer<Word>>(ConvKernel<Simd>::run);
  kernels.tableLookup = lookupTables<Word, Loops>;
  kernels.oneHotLookup = lookupOneHots<Word, Loops>;
  kernels.packedWeightBytes = Fast::packedBytes;
  kernels.packWeights = Fast::pack;
  kernels.convPacked = Fast::run;
  return kernels;
}

} // namespace

const Kernels kernelsAvx2 = {"avx2", ringKernels<Simd256x32>(), ringKernels<Simd256x64>()};

} // namespace gfs
