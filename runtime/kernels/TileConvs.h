// SPDX-License-Identifier: Apache-2.0
// Which of the ways to convolve on a matrix unit a shape is worth, by counting cycles.
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/TileConv.h"
#include "runtime/kernels/TileFilterConv.h"

#include <limits>

namespace gfs {
namespace {

/// TileConv, or TileFilterConv with the filter that takes the least time; where there is too little
/// to fill tiles with, what AVX-512 has.
template <class Word, class Tiles> class TileConvs {
  using Vector = PixelVector<Word>;
  using Plain = TileConv<Word, Tiles>;
  template <class Filter> using Filtered = TileFilterConv<Word, Tiles, Filter>;

public:
  static RingKernels<Word> over(RingKernels<Word> kernels) {
    kernels.packedWeightBytes = packedBytes;
    kernels.packWeights = pack;
    kernels.convPacked = run;
    return kernels;
  }

  static size_t packedBytes(const ConvShape &s) {
    if (!suits(s))
      return avx512().packedWeightBytes(s);
    size_t bytes = 0;
    withBest(s, [&]<class Conv>() { bytes = Conv::packedBytes(s); });
    return bytes;
  }
  static void pack(const ConvShape &s, const Word *weight, void *packed) {
    if (!suits(s))
      return avx512().packWeights(s, weight, packed);
    withBest(s, [&]<class Conv>() { Conv::pack(s, weight, packed); });
  }
  static void run(const ConvShape &s, const Word *input, const void *packed, const Word *addend,
                  Word *output) {
    if (!suits(s))
      return avx512().convPacked(s, input, packed, addend, output);
    withBest(s, [&]<class Conv>() { Conv::run(s, input, packed, addend, output); });
  }

private:
  static const RingKernels<Word> &avx512() { return kernelsAvx512.ring<Word>(); }

  /// One block of channels would have to pay for all that is done to the pixels.
  static bool suits(const ConvShape &s) {
    const uint64_t pixels = uint64_t(s.batch) * s.outH * s.outW;
    return s.groups == 1 && pixels >= 8 && s.outChannels > tileRows &&
           uint64_t(s.inChannels) * s.kernelH * s.kernelW >= 16;
  }

  // Cycles, measured on Granite Rapids: of a limb product of tiles; of storing and folding the
  // product of two blocks, for each vector and pass, which TileConv does after every few steps with
  // 32-bit words; of making a vector of 16 words limbs where it lies anywhere, or for each of a
  // filter's transformSteps, and of those steps on the way back. Bytes of weights that arrive from
  // memory in one cycle.
  static constexpr double limbProduct = 19, blockProduct = 145, stepsTogether = 4, splitting = 15,
                          transforming = 2, transformingBack = 1, weightBytes = 7;

  static double up(double count, double unit) {
    return double(uint64_t((count + unit - 1) / unit));
  }
  /// Of `points` products of matrices.
  static double multiplying(const ConvShape &s, double points, double pixels, double depth,
                            uint32_t bits, double folds) {
    const double limbs = limbsOf<Word>(bits);
    return points * up(pixels, tileRows) * up(s.outChannels, tileRows) *
           (up(depth, tileDepth) * limbs * (limbs + 1) / 2 * limbProduct +
            folds * (limbs > 6 ? 2 : 1) * Vector::count * blockProduct);
  }
  static double plainTime(const ConvShape &s) {
    const double pixels = double(s.batch) * s.outH * s.outW,
                 depth = double(s.inChannels) * s.kernelH * s.kernelW;
    const double folds = sizeof(Word) == 4 ? up(depth, stepsTogether * tileDepth) : 1;
    return multiplying(s, 1, pixels, depth, s.ringBits, folds) +
           up(pixels, tileRows) * depth * splitting * Vector::count +
           double(Plain::packedBytes(s)) / weightBytes;
  }
  /// Infinite where the filter does not suit.
  template <class Filter> static double time(const ConvShape &s) {
    if (!Filtered<Filter>::isExact(s))
      return std::numeric_limits<double>::infinity();
    const double points = NestedFilter<Filter>::points,
                 tiles = double(FilterTiles<Vector, Filter>::tiles(s));
    return multiplying(s, points, tiles, s.inChannels, s.ringBits + 2 * Filter::shift, 1) +
           points * up(tiles, tileRows) * Vector::count * Filter::transformSteps *
               (s.inChannels * transforming + s.outChannels * transformingBack) +
           double(Filtered<Filter>::packedBytes(s)) / weightBytes;
  }

  /// Calls visit<Conv>() for the best of them.
  template <class Visit> static void withBest(const ConvShape &s, const Visit &visit) {
    if (!visitCheapestFilter(
            plainTime(s), [&]<class Filter>() { return time<Filter>(s); },
            [&]<class Filter>() { visit.template operator()<Filtered<Filter>>(); }))
      visit.template operator()<Plain>();
  }
};

} // namespace
} // namespace gfs
