// SPDX-License-Identifier: Apache-2.0
// Which of the filters of FastFilter.h a 3x3 convolution is worth, by counting work.
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/FastConv.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gfs {
namespace {

/// Of the ways to convolve with packed weights the one of least work, if it is less than that of
/// ConvKernel. Narrow and Wide are two multipliers of one word that read one form of weights: the
/// narrow one is faster but right for fewer bits.
template <class Narrow, class Wide> class FastConvs {
  using Word = typename Wide::Word;

public:
  static size_t packedBytes(const ConvShape &s) {
    size_t bytes = 0;
    withFilter(s, [&]<class Filter>() { bytes = FastConv<Wide, Filter>::packedBytes(s); });
    return bytes;
  }
  static void pack(const ConvShape &s, const Word *weight, void *packed) {
    withFilter(s, [&]<class Filter>() { FastConv<Wide, Filter>::pack(s, weight, packed); });
  }
  static void run(const ConvShape &s, const Word *input, const void *packed, const Word *addend,
                  Word *output) {
    withFilter(s, [&]<class Filter>() {
      if (FastConv<Narrow, Filter>::isExact(s))
        FastConv<Narrow, Filter>::run(s, input, packed, addend, output);
      else
        FastConv<Wide, Filter>::run(s, input, packed, addend, output);
    });
  }

private:
  /// Transformed weights beyond this come from memory for all tiles that are done together: what a
  /// cache shared with the other processors is sure to keep.
  static constexpr size_t keptBytes = size_t(8) << 20;

  /// Vector multiplications, and as many steps of about their length as transforming takes.
  /// Infinite where the transformed weights, points / 9 as many bytes, would serve few tiles.
  template <class Filter> static double work(const ConvShape &s) {
    using Conv = FastConv<Wide, Filter>;
    const size_t tiles = FilterTiles<Wide, Filter>::tiles(s);
    if (!Conv::isExact(s) || tiles < 16)
      return std::numeric_limits<double>::infinity();
    constexpr uint32_t points = NestedFilter<Filter>::points;
    const double channels = s.inChannels, outChannels = Conv::blockChannels(s);
    const auto vectors = double((tiles + Wide::lanes - 1) / Wide::lanes);
    const double computing =
        vectors * points *
        (channels * outChannels + Filter::transformSteps * (channels + outChannels));
    // A multiplication takes as long as a sixteenth of a vector from memory.
    constexpr double fetchedBytes = sizeof(typename Wide::Vector) / 16.0;
    const double panels = std::ceil(vectors / Conv::vectorsTogether(s)),
                 fetching = Conv::packedBytes(s) > keptBytes
                                ? panels * double(Conv::packedBytes(s)) / fetchedBytes
                                : 0;
    return std::max(computing, fetching);
  }
  static double plainWork(const ConvShape &s) {
    const double pixels = double(s.batch) * s.outH * s.outW;
    return pixels / Wide::lanes * 9 * s.inChannels * s.outChannels;
  }
  template <class Visit> static void withFilter(const ConvShape &s, const Visit &visit) {
    visitCheapestFilter(plainWork(s), [&]<class Filter>() { return work<Filter>(s); }, visit);
  }
};

} // namespace
} // namespace gfs
