// SPDX-License-Identifier: Apache-2.0
// How a convolution is cut into tiles of bytes, and its weights packed into them.
//
// A *step* is 64 taps of the sum over (channel, kh, kw). With many channels a step is 64 channels
// of one kernel position; with few, 64 consecutive (channel, kh, kw). A tile of weights is 64 taps
// of 16 output channels, one limb; of activations 16 pixels of 64 taps, one limb.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/ConvGeometry.h"

#include <cstring>

namespace gfs {
namespace {

constexpr size_t tileRows = 16, tileDepth = 64, tileBytes = tileRows * tileDepth;

constexpr size_t roundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

template <class Word> struct TileLayout {
  explicit TileLayout(const ConvShape &shape)
      : geometry(shape), outChannels(shape.outChannels),
        taps(size_t(shape.kernelH) * shape.kernelW), channels(shape.inChannels) {
    constexpr unsigned least = sizeof(Word) == 4 ? 2 : 5, greatest = sizeof(Word);
    limbs = (shape.ringBits + 7) / 8;
    limbs = limbs < least ? least : limbs > greatest ? greatest : limbs;
    // Zero channels in a step are wasted work; gathering costs a pass over every tap.
    byChannel = channels % tileDepth == 0 || channels > 2 * tileDepth;
    steps = byChannel ? taps * channelBlocks() : roundUp(geometry.depth(), tileDepth) / tileDepth;
    outBlocks = roundUp(outChannels, tileRows) / tileRows;
    // Rows beyond the plane for a block's last pixels; the limbs of one pixel in different cache
    // sets.
    planeRows = roundUp(geometry.planeElements + tileRows, 64) + 16;
  }

  size_t channelBlocks() const { return roundUp(channels, tileDepth) / tileDepth; }
  size_t weightTile(size_t outBlock, size_t step, unsigned limb) const {
    return ((outBlock * steps + step) * limbs + limb) * tileBytes;
  }
  size_t packedBytes() const { return outBlocks * steps * limbs * tileBytes; }

  /// Weights [O][I][kh][kw] as tiles [block of 16 O][step][limb][16 rows of 4 taps][16 O][4 taps].
  void packWeights(const Word *weight, uint8_t *out) const {
    std::memset(out, 0, packedBytes());
    const size_t depth = geometry.depth();
    for (size_t o = 0; o < outChannels; ++o)
      for (size_t k = 0; k < depth; ++k) {
        const size_t channel = k / taps, tap = k % taps;
        const size_t step = byChannel ? tap * channelBlocks() + channel / tileDepth : k / tileDepth,
                     at = byChannel ? channel % tileDepth : k % tileDepth;
        const size_t place = at / 4 * tileDepth + o % tileRows * 4 + at % 4;
        const Word word = weight[o * depth + k];
        for (unsigned limb = 0; limb < limbs; ++limb)
          out[weightTile(o / tileRows, step, limb) + place] =
              static_cast<uint8_t>(word >> (8 * limb));
      }
  }

  /// Accumulators have 32 bits. Diagonal d counts mod 2^{l-8d}, so where l - 8d <= 32 it may
  /// overflow; where not, S_d < 64 steps (d + 1) 255² must stay below 2^32. So many steps at a
  /// time.
  size_t stepsPerFold(uint32_t ringBits) const {
    const unsigned bits = ringBits < 8 * sizeof(Word) ? ringBits : 8 * sizeof(Word);
    if (bits <= 32)
      return steps;
    const size_t exactDiagonals = (bits - 32 + 7) / 8; // d with 8 d + 32 < l
    return 0xffffffffu / (255u * 255u * tileDepth * exactDiagonals);
  }

  ConvGeometry geometry;
  size_t outChannels, taps, channels;
  unsigned limbs;
  bool byChannel; ///< A step is 64 channels of one kernel position.
  size_t steps, outBlocks, planeRows;
};

} // namespace
} // namespace gfs
