// SPDX-License-Identifier: Apache-2.0
// The selection of Relu with AVX-512: conditions on public bits are mask registers; included by
// Avx512.cpp only. The formula is that of RescaleKernels.h.
#pragma once

#include "runtime/kernels/Kernels.h"
#include "runtime/kernels/Words512.h"

namespace gfs {
namespace {

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
    const auto keep = loadBits<typename V::Mask>(g + i / 8, count);
    const __m512i lifted = _mm512_and_si512(V::add(V::load(masked + i, here), centre), ringMask);
    const __m512i p = V::sub(V::shiftRight(lifted, shift), offset);
    const typename V::Mask topSet = V::anyBit(lifted, topBit);
    const __m512i vt = V::subWhere(topSet, V::load(shares.v + i, here),
                                   V::shiftLeft(V::load(shares.u + i, here), wrap));
    const __m512i product = V::subWhere(
        topSet,
        V::add(V::multiply(p, V::load(shares.rho + i, here)), V::load(shares.rhoV + i, here)),
        V::shiftLeft(V::load(shares.rhoU + i, here), wrap));
    // g = 0: product; g = 1: P + V_t - product.
    const __m512i kept = V::sub(V::add(_mm512_and_si512(p, publicPart), vt), product);
    V::store(out + i, here, V::blend(keep, product, kept));
  }
}

} // namespace
} // namespace gfs
