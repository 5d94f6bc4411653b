// SPDX-License-Identifier: Apache-2.0
// Sums of products over taps, sum_k x_k w_k, for a register tile of `rows` output channels times
// `vectors` of pixels: as they stand, or with half of the multiplications.
//
// The latter is S. Winograd's inner product (A New Algorithm for Inner Product, IEEE Transactions
// on Computers C-17, 1968): two taps at a time,
//   x w + x' w' = (x + w') (x' + w) - x x' - w w',
// where the sums of x x' over taps serve all rows, and those of w w' all pixels. One multiplication
// and three additions take less time than two of each wherever vectors are multiplied more slowly
// than they are added. It is exact in every commutative ring; floats would lose digits in x + w'.
//
// `Simd` as for ConvKernel. Compiled once per instruction set: internal linkage only (see
// KernelVariants.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace gfs {
namespace {

/// Adds the products of `taps` taps. pixelAt(k, v) is a Vector, weightAt(k, r) points to a word.
template <class Simd, uint32_t rows, uint32_t vectors, class PixelAt, class WeightAt>
void addProducts(typename Simd::Sum (&sum)[rows][vectors], size_t taps, const PixelAt &pixelAt,
                 const WeightAt &weightAt) {
  for (size_t k = 0; k < taps; ++k) {
    typename Simd::Pixel pixel[vectors];
    for (uint32_t v = 0; v < vectors; ++v)
      pixel[v] = Simd::pixel(pixelAt(k, v));
    for (uint32_t r = 0; r < rows; ++r) {
      const typename Simd::Weight factor = Simd::broadcast(weightAt(k, r));
      for (uint32_t v = 0; v < vectors; ++v)
        sum[r][v] = Simd::multiplyAdd(sum[r][v], pixel[v], factor);
    }
  }
}

/// Adds the products of `taps` taps and, beyond them, the sums of pairs of the row's weights and of
/// the vector's pixels. Only where Simd::pairedRows > 0; its Pixel, Weight and Sum are Vectors.
template <class Simd, uint32_t rows, uint32_t vectors, class PixelAt, class WeightAt>
void addPairedProducts(typename Simd::Sum (&sum)[rows][vectors], size_t taps,
                       const PixelAt &pixelAt, const WeightAt &weightAt) {
  const size_t paired = taps / 2 * 2;
  for (size_t k = 0; k < paired; k += 2) {
    typename Simd::Vector x[vectors], y[vectors];
    for (uint32_t v = 0; v < vectors; ++v) {
      x[v] = pixelAt(k, v);
      y[v] = pixelAt(k + 1, v);
    }
    for (uint32_t r = 0; r < rows; ++r) {
      const typename Simd::Vector ofX = Simd::broadcast(weightAt(k, r)),
                                  ofY = Simd::broadcast(weightAt(k + 1, r));
      for (uint32_t v = 0; v < vectors; ++v)
        sum[r][v] = Simd::multiplyAdd(sum[r][v], Simd::add(x[v], ofY), Simd::add(y[v], ofX));
    }
  }
  addProducts<Simd>(
      sum, taps - paired, [&](size_t, uint32_t v) { return pixelAt(paired, v); },
      [&](size_t, uint32_t r) { return weightAt(paired, r); });
}

/// x_0 x_1 + x_2 x_3 + …, up to the last whole pair of `taps`. at(k) is a Vector.
template <class Simd, class At> typename Simd::Vector sumOfPairs(size_t taps, const At &at) {
  typename Simd::Vector sum = Simd::zero();
  for (size_t k = 0; k + 1 < taps; k += 2)
    sum = Simd::multiplyAdd(sum, at(k), at(k + 1));
  return sum;
}

/// The same of `count` words one behind another.
template <class Simd>
typename Simd::Word sumOfWordPairs(const typename Simd::Word *words, size_t count) {
  // Lanes at odd places multiply what is no pair, and are left out in the end.
  typename Simd::Vector sums = Simd::zero();
  size_t k = 0;
  for (; k + Simd::lanes < count; k += Simd::lanes)
    sums = Simd::multiplyAdd(sums, Simd::load(words + k), Simd::load(words + k + 1));
  typename Simd::Word lane[Simd::lanes], sum = 0;
  Simd::store(lane, sums);
  for (uint32_t i = 0; i < Simd::lanes; i += 2)
    sum += lane[i];
  for (; k + 1 < count; k += 2)
    sum += words[k] * words[k + 1];
  return sum;
}

} // namespace
} // namespace gfs
