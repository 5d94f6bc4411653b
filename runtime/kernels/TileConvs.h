// SPDX-License-Identifier: Apache-2.0
// Which of the ways to convolve on a matrix unit a shape is worth, by counting cycles.
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/TileConv.h"
#include "runtime/kernels/TileFilterConv.h"
#include "runtime/kernels/TileRowConv.h"

#include <limits>

namespace gfs {
namespace {

/// TileConv, TileRowConv, or TileFilterConv with one of the filters: what takes the least time;
/// where there is too little to fill tiles with, what AVX-512 has.
template <class Word, class Tiles> class TileConvs {
  using Vector = PixelVector<Word>;
  using Plain = TileConv<Word, Tiles>;
  using Rows = TileRowConv<Word, Tiles>;
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

  /// One block of channels has to pay for all that is done to the pixels: with rows it does, where
  /// limbs are few and taps fill a step.
  static bool suits(const ConvShape &s) {
    const uint64_t pixels = uint64_t(s.batch) * s.outH * s.outW;
    const uint64_t taps = uint64_t(s.inChannels) * s.kernelH * s.kernelW;
    const bool fewLimbs = sizeof(Word) == 4 && s.kernelH * s.kernelW > 1 && taps >= tileDepth;
    return s.groups == 1 && pixels >= 8 && taps >= 16 &&
           s.outChannels >= (fewLimbs ? 12 : tileRows + 1);
  }

  // Cycles, measured on Granite Rapids: of a limb product of tiles; of storing and folding the
  // product of two blocks, for each vector and pass, which TileConv does after every few steps with
  // 32-bit words; of making a vector of 16 words limbs where it lies anywhere, of copying a limb of
  // four such vectors, or for each of a filter's transformSteps, and of those steps on the way back.
  // Bytes of weights that arrive from memory in one cycle. How much longer rows take to multiply
  // where limbs are many: less of them stays in the first cache.
  static constexpr double limbProduct = 19, blockProduct = 145, stepsTogether = 4, splitting = 15,
                          copying = 4, transforming = 2, transformingBack = 1, weightBytes = 4.5,
                          manyLimbs = 1.2;

  static double up(double count, double unit) {
    return double(uint64_t((count + unit - 1) / unit));
  }
  /// Of all output channels of `blocks` blocks of 16 pixels.
  static double multiplying(const ConvShape &s, double blocks, double steps, uint32_t bits,
                            double folds) {
    const double limbs = limbsOf<Word>(bits);
    return blocks * up(s.outChannels, tileRows) *
           (steps * limbs * (limbs + 1) / 2 * limbProduct +
            folds * (limbs > 6 ? 2 : 1) * Vector::count * blockProduct);
  }
  static double foldsOf(double steps) { return sizeof(Word) == 4 ? up(steps, stepsTogether) : 1; }
  static double plainTime(const ConvShape &s) {
    const double blocks = up(double(s.batch) * s.outH * s.outW, tileRows),
                 depth = double(s.inChannels) * s.kernelH * s.kernelW, steps = up(depth, tileDepth);
    return multiplying(s, blocks, steps, s.ringBits, foldsOf(steps)) +
           blocks * depth * splitting * Vector::count + double(Plain::packedBytes(s)) / weightBytes;
  }
  /// Infinite where the tiles for one row of the output would not stay in a cache: long sequences.
  static double rowTime(const ConvShape &s) {
    const TileRows<Word> rows(s);
    if (!Rows::fits(rows, 1))
      return std::numeric_limits<double>::infinity();
    const double blocks = double(rows.blocksOfRow()) * s.outH * s.batch,
                 band = double(Rows::rowsOfBand(rows, s)), steps = double(rows.steps()),
                 inputRows = s.batch * up(s.outH, band) * double(rows.rowsFor(size_t(band)));
    return (limbsOf<Word>(s.ringBits) > 5 ? manyLimbs : 1) *
               multiplying(s, blocks, steps, s.ringBits, foldsOf(steps)) +
           inputRows * (up(s.inW, tileRows) * up(s.inChannels, 4) * 4 * splitting * Vector::count +
                        double(rows.rowBytes()) / tileDepth * copying) +
           double(Rows::packedBytes(s)) / weightBytes;
  }
  /// Infinite where the filter does not suit.
  template <class Filter> static double time(const ConvShape &s) {
    if (!Filtered<Filter>::isExact(s))
      return std::numeric_limits<double>::infinity();
    const double points = NestedFilter<Filter>::points,
                 blocks = up(double(FilterTiles<Vector, Filter>::tiles(s)), tileRows);
    // A vector of tiles lies in so many pieces, one for each row of tiles.
    const double pieces = up(tileRows, up(s.outW, NestedFilter<Filter>::outputs)),
                 reading = transforming * (1 + (pieces - 1) / 2);
    return multiplying(s, points * blocks, up(s.inChannels, tileDepth),
                       s.ringBits + 2 * Filter::shift, 1) +
           points * blocks * Vector::count * Filter::transformSteps *
               (s.inChannels * reading + s.outChannels * transformingBack) +
           double(Filtered<Filter>::packedBytes(s)) / weightBytes;
  }

  template <class Visit> static void withBest(const ConvShape &s, const Visit &visit) {
    const double plain = plainTime(s), rows = rowTime(s);
    if (visitCheapestFilter(
            plain < rows ? plain : rows, [&]<class Filter>() { return time<Filter>(s); },
            [&]<class Filter>() { visit.template operator()<Filtered<Filter>>(); }))
      return;
    if (plain <= rows)
      visit.template operator()<Plain>();
    else
      visit.template operator()<Rows>();
  }
};

} // namespace
} // namespace gfs
