// SPDX-License-Identifier: Apache-2.0
// 3x3 convolutions of stride 1 with 4/9 or 1/4 of the multiplications, exact in the ring.
//
// The algorithm is Winograd's minimal filtering (S. Winograd, Arithmetic Complexity of
// Computations, 1980), nested in both directions as by Lavin and Gray (Fast Algorithms for
// Convolutional Neural Networks, CVPR 2016), with filters that need no fractions: FastFilter.h
// derives them, NestedFilter.h nests them, FastConvs.h says when they pay. Here is the loop over
// tiles: transform the inputs of a panel of tiles,
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

#include "runtime/kernels/ConvGeometry.h"
#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/NestedFilter.h"
#include "runtime/kernels/PairedProducts.h"
#include "runtime/kernels/PhaseRows.h"

namespace gfs {
namespace {

template <class Simd, class Filter> class FastConv {
  using Word = typename Simd::Word;
  using Vector = typename Simd::Vector;
  using Nested = NestedFilter<Filter>;
  static constexpr uint32_t lanes = Simd::lanes;
  static constexpr bool paired = Simd::pairedRows > 0;
  static constexpr uint32_t rows =
      paired ? Simd::pairedRows : Simd::tileRows;            // output channels done together
  static constexpr uint32_t mostVectors = Simd::tileVectors; // vectors of tiles done together
  static constexpr uint32_t mostTiles = lanes * mostVectors;
  static constexpr uint32_t inputs = Nested::inputs, outputs = Nested::outputs,
                            points = Nested::points;
  /// Transformed inputs of the tiles done together stay in this half of a 1 MB L2.
  static constexpr size_t cachedBytes = size_t(512) << 10;

public:
  static bool isExact(const ConvShape &s) {
    return s.kernelH == 3 && s.kernelW == 3 && s.strideH == 1 && s.strideW == 1 &&
           s.dilationH == 1 && s.dilationW == 1 && s.groups == 1 &&
           s.ringBits + 2 * Filter::shift <= Simd::exactBits;
  }

  /// Tiles of all images.
  static size_t tiles(const ConvShape &s) {
    return size_t(s.batch) * tilesOf(s.outH) * tilesOf(s.outW);
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
  const ConvShape &shape;
  const ConvGeometry geometry; ///< Of the tiles: each as a kernel, each next one a stride away.
  const Word *weight, *addend;
  Word *output;
  const Word *image = nullptr;       ///< The phase image of `geometry`.
  size_t tapOffset[inputs * inputs]; ///< Of a tile's elements in the first channel.
  Word *transformed = nullptr;       ///< [point][input channel][tile]
  Word *products = nullptr;          ///< [point][output channel in the block][tile]
  Word *pixelPairs = nullptr; ///< If paired: what pairs of input channels add, [point][tile].

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
  static uint32_t tilesOf(uint32_t count) { return (count + outputs - 1) / outputs; }
  static uint32_t blocks(const ConvShape &s) { return (s.outChannels + rows - 1) / rows; }
  bool isWanted(uint32_t channel) const {
    return channel >= shape.firstChannel && channel < shape.channelsEnd();
  }
  static uint32_t atMost(uint32_t most, uint32_t count) { return count < most ? count : most; }
  /// Transformed inputs of a vector of tiles.
  static size_t vectorBytes(const ConvShape &s) {
    return points * size_t(s.inChannels) * lanes * sizeof(Word);
  }
  static ConvShape tileShape(ConvShape s) {
    s.outH = tilesOf(s.outH);
    s.outW = tilesOf(s.outW);
    s.kernelH = s.kernelW = inputs;
    s.strideH = s.strideW = outputs;
    return s;
  }

  FastConv(const ConvShape &shape, const Word *weight, const Word *addend, Word *output)
      : shape(shape), geometry(tileShape(shape)), weight(weight), addend(addend), output(output) {}

  /// Neighbours in a row of tiles, and where their outputs begin in the plane of channel 0.
  struct Run {
    uint32_t first, count;
    size_t at;
    uint32_t columns, rows; ///< Of outputs, less at a border than the tiles have.
  };
  /// The tiles done together.
  struct Panel {
    PieceList in[mostVectors];
    Run runs[mostTiles];
    uint32_t vectors, runCount = 0;
  };

  void evaluate(const Word *input) {
    const size_t imageBytes = geometry.batch * geometry.imageElements() * sizeof(Word);
    const uint32_t vectors = vectorsTogether(shape);
    const size_t transformedBytes = vectors * vectorBytes(shape);
    const size_t productBytes = points * (rows + paired) * mostTiles * sizeof(Word);
    auto *scratch =
        static_cast<uint8_t *>(kernelScratch(productBytes + transformedBytes + imageBytes));
    products = reinterpret_cast<Word *>(scratch);
    pixelPairs = products + points * rows * mostTiles;
    transformed = reinterpret_cast<Word *>(scratch + productBytes);
    auto *phases = reinterpret_cast<Word *>(scratch + productBytes + transformedBytes);
    fillPhases<Simd>(geometry, input, phases);
    image = phases;
    locateTaps();
    const size_t tiles = geometry.pixels();
    for (size_t first = 0; first < tiles; first += vectors * lanes) {
      Panel panel;
      locate(first, vectors * lanes, panel);
      if (mostVectors > 1 && panel.vectors == mostVectors)
        convolvePanel<mostVectors>(panel);
      else
        for (uint32_t v = 0; v < panel.vectors; ++v)
          convolvePanel<1>(vectorOf(panel, v));
    }
  }

  void locateTaps() {
    for (uint32_t i = 0; i < inputs; ++i)
      for (uint32_t j = 0; j < inputs; ++j)
        tapOffset[i * inputs + j] = (i % outputs * outputs + j % outputs) * geometry.planeElements +
                                    i / outputs * geometry.rowElements() + j / outputs;
  }

  void locate(size_t firstTile, uint32_t most, Panel &p) const {
    const uint32_t tilesH = geometry.height.out, tilesW = geometry.width.out;
    const size_t left = geometry.pixels() - firstTile;
    const uint32_t tiles = left < most ? uint32_t(left) : most;
    p.vectors = (tiles + lanes - 1) / lanes;
    for (PieceList &list : p.in)
      list.count = 0;
    for (uint32_t t = 0; t < tiles; ++t) {
      const size_t tile = firstTile + t, n = tile / (size_t(tilesH) * tilesW);
      const uint32_t y = uint32_t(tile / tilesW % tilesH), x = uint32_t(tile % tilesW);
      p.in[t / lanes].add(t % lanes, geometry.pixelOffset(n, y, x));
      if (t % lanes == 0 || x == 0) // runs end with a row and with a vector
        p.runs[p.runCount++] = {
            t, 0, (n * shape.outChannels * shape.outH + outputs * y) * shape.outW + outputs * x, 0,
            atMost(outputs, shape.outH - outputs * y)};
      Run &run = p.runs[p.runCount - 1];
      ++run.count;
      run.columns += atMost(outputs, shape.outW - outputs * x);
    }
  }

  /// One vector of a panel as a panel.
  static Panel vectorOf(const Panel &p, uint32_t v) {
    Panel one;
    one.in[0] = p.in[v];
    one.vectors = 1;
    for (uint32_t i = 0; i < p.runCount; ++i)
      if (p.runs[i].first / lanes == v) {
        one.runs[one.runCount] = p.runs[i];
        one.runs[one.runCount++].first -= v * lanes;
      }
    return one;
  }

  template <uint32_t vectors> void convolvePanel(const Panel &p) {
    for (uint32_t c = 0; c < shape.inChannels; ++c)
      for (uint32_t v = 0; v < vectors; ++v)
        transformInput<vectors>(image + c * geometry.channelElements(), p.in[v],
                                transformed + c * vectors * lanes + v * lanes);
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
  void transformInput(const Word *channel, const PieceList &list, Word *out) const {
    const size_t stride = size_t(shape.inChannels) * vectors * lanes;
    Nested::template transformInputs<Simd>(
        [&](uint32_t i, uint32_t j) {
          return loadPieces<Simd>(channel + tapOffset[i * inputs + j], list);
        },
        [&](uint32_t, Vector v) {
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
    Word line[outputs][outputs * vectors * lanes];
    for (uint32_t v = 0; v < vectors; ++v)
      Nested::template transformProducts<Simd>(
          [&](uint32_t point) {
            return Simd::load(products + (point * rows + r) * mostTiles + v * lanes);
          },
          [&](uint32_t i, const Vector(&y)[outputs]) {
            Simd::storeInterleaved(line[i] + outputs * v * lanes, y);
          });
    for (uint32_t i = 0; i < p.runCount; ++i) {
      const Run &run = p.runs[i];
      for (uint32_t row = 0; row < run.rows; ++row) {
        const size_t at = plane + run.at + size_t(row) * shape.outW;
        const Word *y = line[row] + outputs * run.first;
        if (addend)
          for (uint32_t column = 0; column < run.columns; ++column)
            output[at + column] = y[column] + addend[at + column];
        else
          std::memcpy(output + at, y, run.columns * sizeof(Word));
      }
    }
  }
};

} // namespace
} // namespace gfs
