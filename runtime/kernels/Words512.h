// SPDX-License-Identifier: Apache-2.0
// Vectors of 512 bits by the size of their words, and bits of elements as masks of lanes; for the
// element-wise kernels with AVX-512.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <immintrin.h>

namespace gfs {
namespace {

/// The instructions of one word size. Loads and stores: the lanes of `k`; blend: b where it is set.
template <class Word> struct Words512;

template <> struct Words512<uint32_t> {
  using Mask = __mmask16;
  static constexpr size_t lanes = 16;
  static __m512i all(uint32_t v) { return _mm512_set1_epi32(static_cast<int>(v)); }
  static __m512i load(const uint32_t *p, Mask k) { return _mm512_maskz_loadu_epi32(k, p); }
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
  static __m512i load(const uint64_t *p, Mask k) { return _mm512_maskz_loadu_epi64(k, p); }
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

/// The packed bits of `count` elements, as many as a mask has at most. A copy of a size that is
/// known here is no call, which would cost all registers.
template <class Mask> Mask loadBits(const uint8_t *in, size_t count) {
  Mask bits = 0;
  if (count == 8 * sizeof(Mask))
    std::memcpy(&bits, in, sizeof(Mask));
  else
    for (size_t byte = 0; 8 * byte < count; ++byte)
      bits = static_cast<Mask>(bits | Mask(in[byte]) << 8 * byte);
  return bits;
}
template <class Mask> void storeBits(uint8_t *out, Mask bits, size_t count) {
  if (count == 8 * sizeof(Mask))
    std::memcpy(out, &bits, sizeof(Mask));
  else
    for (size_t byte = 0; 8 * byte < count; ++byte)
      out[byte] = static_cast<uint8_t>(bits >> 8 * byte);
}

} // namespace
} // namespace gfs
