// SPDX-License-Identifier: Apache-2.0
// The selection of Relu with AVX-512: conditions on public bits are mask registers; included by
// Avx512.cpp only. The formula is that of RescaleKernels.h.
#pragma once

#include "runtime/kernels/Kernels.h"

#include <cstring>
#include <immintrin.h>

namespace gfs {
namespace {

/// The instructions of one word size. blend: b where `k` is set.
template <class Word> struct Words512;

template <> struct Words512<uint32_t> {
  using Mask = __mmask16;
  static constexpr size_t lanes = 16;
  static __m512i all(uint32_t v) { return _mm512_set1_epi32(static_cast<int>(v)); }
  static __m512i load(Mask k, const uint32_t *p) { return _mm512_maskz_loadu_epi32(k, p); }
  static void store(uint32_t *p, Mask k, __m512i v) { _mm512_mask_storeu_epi32(p, k, v); }
  static __m512i add(__m512i a, __m512i b) { return _mm512_add_epi32(a, b); }
  static __m512i sub(__m512i a, __m512i b) { return _mm512_sub_epi32(a, b); }
  static __m512i subWhere(Mask k, __m512i a, __m512i b) {
    return _mm512_mask_sub_epi32(a, k, a, b);
  }
  static __m512i multiply(__m512i a, __m512i b) { return _mm512_mullo_epi32(a, b); }
  static __m512i shiftLeft(__m512i v, __m128i by) { return _mm512_sll_epi32(v, by); }
  static __m512i shiftRight(__m512i v, __m128i by) { return _mm512_srl_epi32(v, by); }
  static Mask anyBit(__m512i v, __m512i bits) { return _mm512_test_epi32_mask(v, bits); }
  static __m512i blend(Mask k, __m512i a, __m512i b) { return _mm512_mask_blend_epi32(k, a, b); }
};

template <> struct Words512<uint64_t> {
  using Mask = __mmask8;
  static constexpr size_t lanes = 8;
  static __m512i all(uint64_t v) { return _mm512_set1_epi64(static_cast<long long>(v)); }
  static __m512i load(Mask k, const uint64_t *p) { return _mm512_maskz_loadu_epi64(k, p); }
  static void store(uint64_t *p, Mask k, __m512i v) { _mm512_mask_storeu_epi64(p, k, v); }
  static __m512i add(__m512i a, __m512i b) { return _mm512_add_epi64(a, b); }
  static __m512i sub(__m512i a, __m512i b) { return _mm512_sub_epi64(a, b); }
  static __m512i subWhere(Mask k, __m512i a, __m512i b) {
    return _mm512_mask_sub_epi64(a, k, a, b);
  }
  static __m512i multiply(__m512i a, __m512i b) { return _mm512_mullo_epi64(a, b); }
  static __m512i shiftLeft(__m512i v, __m128i by) { return _mm512_sll_epi64(v, by); }
  static __m512i shiftRight(__m512i v, __m128i by) { return _mm512_srl_epi64(v, by); }
  static Mask anyBit(__m512i v, __m512i bits) { return _mm512_test_epi64_mask(v, bits); }
  static __m512i blend(Mask k, __m512i a, __m512i b) { return _mm512_mask_blend_epi64(k, a, b); }
};

template <class Word>
void reluSelect512(RescaleShape shape, bool addsPublic, const Word *masked, const uint8_t *g,
                   const ReluShares<Word> &shares, size_t n, Word *out) {
  using V = Words512<Word>;
  const unsigned l = shape.ringBits, f = shape.shift;
  const __m512i ringMask = V::all(static_cast<Word>(~Word(0) >> (8 * sizeof(Word) - l))),
                topBit = V::all(Word(1) << (l - 1)), centre = V::all(Word(1) << (l - 2)),
                offset = V::all(Word(1) << (l - 2 - f)),
                publicPart = V::all(addsPublic ? ~Word(0) : Word(0));
  const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(f)),
                wrap = _mm_cvtsi32_si128(static_cast<int>(l - f)); // by all bits of a word: 0
  for (size_t i = 0; i < n; i += V::lanes) {
    const size_t count = n - i < V::lanes ? n - i : V::lanes;
    const auto here = static_cast<typename V::Mask>((1u << count) - 1);
    typename V::Mask keep = 0;
    if (count > 8) // a copy of a size known here is no call
      std::memcpy(&keep, g + i / 8, sizeof(keep));
    else
      keep = g[i / 8];
    const __m512i lifted = _mm512_and_si512(V::add(V::load(here, masked + i), centre), ringMask);
    const __m512i p = V::sub(V::shiftRight(lifted, shift), offset);
    const typename V::Mask topSet = V::anyBit(lifted, topBit);
    const __m512i vt = V::subWhere(topSet, V::load(here, shares.v + i),
                                   V::shiftLeft(V::load(here, shares.u + i), wrap));
    const __m512i product = V::subWhere(
        topSet,
        V::add(V::multiply(p, V::load(here, shares.rho + i)), V::load(here, shares.rhoV + i)),
        V::shiftLeft(V::load(here, shares.rhoU + i), wrap));
    // g = 0: product; g = 1: P + V_t - product.
    const __m512i kept = V::sub(V::add(_mm512_and_si512(p, publicPart), vt), product);
    V::store(out + i, here, V::blend(keep, product, kept));
  }
}

} // namespace
} // namespace gfs
