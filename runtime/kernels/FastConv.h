// SPDX-License-Identifier: Apache-2.0
// 3x3 convolutions of stride 1 with 4/9 or 1/4 of the multiplications, exact in the ring.
//
// The algorithm is Winograd's minimal filtering (S. Winograd, Arithmetic Complexity of
// Computations, 1980), nested in both directions as by Lavin and Gray (Fast Algorithms for
// Convolutional Neural Networks, CVPR 2016), with filters that need no fractions: FastFilter.h
// derives them, NestedFilter.h nests them, FilterTiles.h says where tiles lie, FastConvs.h when
// they pay. Here is the loop over tiles: transform the inputs of a panel of tiles,
//   V[point][c] = (B' d_c B)[point];
// at each point, sum over input channels, which is a product of matrices,
//   M[point][o] = sum over c of U[point][o][c] V[point][c],   U = G g G', made by pack(),
// of pairs of channels where that pays (PairedProducts.h);
// and transform back to the outputs, Y_o = A' M_o A / 4^shift.
//
// A word of w bits holds Y mod 2^(w - 2 shift) after the division: right for rings of at most that
// many bits.
//
// `Simd` as for ConvKernel, and: exactBits, w; sub; shiftRight; storeInterleaved.
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/FilterTiles.h"
#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/PairedProducts.h"

namespace gfs {
namespace {

template <class Simd, class Filter> class FastConv {
  using Word = typename Simd::Word;
  using Vector = typename Simd::Vector;
  using Nested = NestedFilter<Filter>;
  using Tiles = FilterTiles<Simd, Filter>;
  static constexpr uint32_t lanes = Simd::lanes;
  static constexpr bool paired = Simd::pairedRows > 0;
  static constexpr uint32_t rows =
      paired ? Simd::pairedRows : Simd::tileRows;            // output channels done together
  static constexpr uint32_t mostVectors = Simd::tileVectors; // vectors of tiles done together
  static constexpr uint32_t mostTiles = lanes * mostVectors;
  static constexpr uint32_t points = Nested::points;
  /// Transformed inputs of the tiles done together stay in this half of a 1 MB L2.
  static constexpr size_t cachedBytes = size_t(512) << 10;

public:
  static bool isExact(const ConvShape &s) {
    return Tiles::suits(s) && s.ringBits + 2 * Filter::shift <= Simd::exactBits;
  }

  /// Output channels, whole blocks of them.
  static uint32_t blockChannels(const ConvShape &s) { return blocks(s) * rows; }
  /// Vectors of tiles done together: weights are read once for them.
  static uint32_t vectorsTogether(const ConvShape &s) {
    return mostVectors > 1 && mostVectors * vectorBytes(s) > cachedBytes ? 1 : mostVectors;
  }

  static size_t packedBytes(const ConvShape &s) {
    return blocks(s) * points * pointWords(s) * sizeof(Word);
  }

  /// G g G' as [block of output channels][point][input channel][output channel in the block]; zero
  /// beyond the last output channel. If paired, behind the last input channel of a point: what
  /// its pairs add, [output channel in the block].
  static void pack(const ConvShape &s, const Word *weight, void *packed) {
    auto *out = static_cast<Word *>(packed);
    const size_t pointStride = pointWords(s);
    for (uint32_t block = 0; block < blocks(s); ++block, out += points * pointStride) {
      for (uint32_t c = 0; c < s.inChannels; ++c)
        for (uint32_t r = 0; r < rows; ++r) {
          const uint32_t o = block * rows + r;
          Word u[points] = {};
          if (o < s.outChannels)
            Nested::transformTaps(weight + (size_t(o) * s.inChannels + c) * 9, u);
          for (uint32_t p = 0; p < points; ++p)
            out[p * pointStride + c * rows + r] = u[p];
        }
      if (paired)
        for (uint32_t p = 0; p < points; ++p)
          packPairs(s, out + p * pointStride);
    }
  }

  static void run(const ConvShape &s, const Word *input, const void *packed, const Word *addend,
                  Word *output) {
    FastConv(s, static_cast<const Word *>(packed), addend, output).evaluate(input);
  }

private:
  using Panel = typename Tiles::template Panel<mostVectors>;

  const ConvShape &shape;
  Tiles grid;
  const Word *weight, *addend;
  Word *output;
  Word *transformed = nullptr; ///< [point][input channel][tile]
  Word *products = nullptr;    ///< [point][output channel in the block][tile]
  Word *pixelPairs = nullptr;  ///< If paired: what pairs of input channels add, [point][tile].

  /// Packed words of one point of a block.
  static size_t pointWords(const ConvShape &s) { return size_t(s.inChannels + paired) * rows; }
  static void packPairs(const ConvShape &s, Word *point) {
    Word *pairs = point + size_t(s.inChannels) * rows;
    for (uint32_t r = 0; r < rows; ++r) {
      pairs[r] = 0;
      for (uint32_t c = 0; c + 1 < s.inChannels; c += 2)
        pairs[r] += point[c * rows + r] * point[(c + 1) * rows + r];
    }
  }
  static uint32_t blocks(const ConvShape &s) { return (s.outChannels + rows - 1) / rows; }
  bool isWanted(uint32_t channel) const {
    return channel >= shape.firstChannel && channel < shape.channelsEnd();
  }
  /// Transformed inputs of a vector of tiles.
  static size_t vectorBytes(const ConvShape &s) {
    return points * size_t(s.inChannels) * lanes * sizeof(Word);
  }
  FastConv(const ConvShape &shape, const Word *weight, const Word *addend, Word *output)
      : shape(shape), grid(shape), weight(weight), addend(addend), output(output) {}

  void evaluate(const Word *input) {
    const uint32_t vectors = vectorsTogether(shape);
    const size_t transformedBytes = vectors * vectorBytes(shape);
    const size_t productBytes = points * (rows + paired) * mostTiles * sizeof(Word);
    auto *scratch = static_cast<uint8_t *>(
        kernelScratch(productBytes + transformedBytes + grid.imageWords() * sizeof(Word)));
    products = reinterpret_cast<Word *>(scratch);
    pixelPairs = products + points * rows * mostTiles;
    transformed = reinterpret_cast<Word *>(scratch + productBytes);
    grid.fill(input, reinterpret_cast<Word *>(scratch + productBytes + transformedBytes));
    const size_t tiles = Tiles::tiles(shape);
    for (size_t first = 0; first < tiles; first += vectors * lanes) {
      Panel panel;
      grid.locate(first, vectors * lanes, panel);
      if (mostVectors > 1 && panel.vectors == mostVectors)
        convolvePanel<mostVectors>(panel);
      else
        for (uint32_t v = 0; v < panel.vectors; ++v)
          convolvePanel<1>(panel.vector(v));
    }
  }

  template <uint32_t vectors> void convolvePanel(const Panel &p) {
    for (uint32_t c = 0; c < shape.inChannels; ++c)
      for (uint32_t v = 0; v < vectors; ++v)
        transformInput<vectors>(c, p.in[v], transformed + c * vectors * lanes + v * lanes);
    if constexpr (paired)
      pairPixels<vectors>();
    const size_t pointStride = pointWords(shape);
    for (uint32_t block = shape.firstChannel / rows; block * rows < shape.channelsEnd(); ++block) {
      const Word *w = weight + block * points * pointStride;
      for (uint32_t point = 0; point < points; ++point)
        multiply<vectors>(w + point * pointStride, point);
      for (uint32_t r = 0; r < rows; ++r)
        if (isWanted(block * rows + r))
          writeChannel<vectors>(p, r, size_t(block * rows + r) * shape.outH * shape.outW);
    }
  }

  /// V of one channel for `lanes` tiles, to out[point][…].
  template <uint32_t vectors>
  void transformInput(uint32_t channel, const PieceList &list, Word *out) const {
    const size_t stride = size_t(shape.inChannels) * vectors * lanes;
    grid.transformInput(channel, list, [&](uint32_t, Vector v) {
      Simd::store(out, v);
      out += stride;
    });
  }

  template <uint32_t vectors> const Word *inputsOf(uint32_t point) const {
    return transformed + point * size_t(shape.inChannels) * vectors * lanes;
  }
  template <uint32_t vectors> void pairPixels() const {
    for (uint32_t point = 0; point < points; ++point)
      for (uint32_t v = 0; v < vectors; ++v) {
        const Word *in = inputsOf<vectors>(point) + v * lanes;
        Simd::store(pixelPairs + point * mostTiles + v * lanes,
                    sumOfPairs<Simd>(shape.inChannels, [&](size_t c) {
                      return Simd::load(in + c * vectors * lanes);
                    }));
      }
  }

  /// M of one point of a block of output channels.
  template <uint32_t vectors> void multiply(const Word *w, uint32_t point) const {
    const Word *in = inputsOf<vectors>(point);
    auto pixelAt = [=](size_t c, uint32_t v) { return Simd::load(in + (c * vectors + v) * lanes); };
    auto weightAt = [=](size_t c, uint32_t r) { return w + c * rows + r; };
    typename Simd::Sum sum[rows][vectors];
    if constexpr (paired) {
      const Word *pairs = pixelPairs + point * mostTiles;
      for (uint32_t r = 0; r < rows; ++r)
        for (uint32_t v = 0; v < vectors; ++v)
          sum[r][v] = Simd::sub(Simd::sub(Simd::zero(), Simd::load(pairs + v * lanes)),
                                Simd::broadcast(weightAt(shape.inChannels, r)));
      addPairedProducts<Simd>(sum, shape.inChannels, pixelAt, weightAt);
    } else {
      for (uint32_t r = 0; r < rows; ++r)
        for (uint32_t v = 0; v < vectors; ++v)
          sum[r][v] = Simd::zeroSum();
      addProducts<Simd>(sum, shape.inChannels, pixelAt, weightAt);
    }
    Word *out = products + point * rows * mostTiles;
    for (uint32_t r = 0; r < rows; ++r)
      for (uint32_t v = 0; v < vectors; ++v)
        Simd::store(out + r * mostTiles + v * lanes, Simd::finish(sum[r][v]));
  }

  /// Y of row r of the block, to the plane of outputs that begins at `plane`.
  template <uint32_t vectors> void writeChannel(const Panel &p, uint32_t r, size_t plane) const {
    grid.template writeChannel<vectors>(
        p,
        [&](uint32_t point, uint32_t v) {
          return Simd::load(products + (point * rows + r) * mostTiles + v * lanes);
        },
        addend ? addend + plane : nullptr, output + plane);
  }
};

} // namespace
} // namespace gfs
