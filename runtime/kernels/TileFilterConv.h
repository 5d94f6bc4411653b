// SPDX-License-Identifier: Apache-2.0
// 3x3 convolutions of stride 1 on a matrix unit with 4/9 or 1/4 of the multiplications: the filters
// of FastFilter.h (which says of whom they are), with tiles of bytes for the sums over channels,
//   M[point][o] = sum over c of U[point][o][c] V[point][c].
// That is a product of matrices at each point, done as in TileConv.h: a block is 16 tiles of
// pixels at one point, a step 64 channels.
//
// Words come out right mod 2^l if they are computed mod 2^(l + 2 shift), so with limbs for that.
//
// `Tiles` as for TileConv. Compiled once per instruction set: internal linkage only.
#pragma once

#include "runtime/kernels/FilterTiles.h"
#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/TileProduct.h"

namespace gfs {
namespace {

template <class Word, class Tiles, class Filter> class TileFilterConv {
  using Vector = PixelVector<Word>;
  using Nested = NestedFilter<Filter>;
  using Grid = FilterTiles<Vector, Filter>;
  static constexpr unsigned lanes = Vector::lanes, vectors = Vector::count;
  static constexpr uint32_t points = Nested::points;
  /// Blocks of 16 tiles that are done together, and what their activations may take of a second
  /// cache of 2 MB.
  static constexpr size_t mostBlocks = 4, panelBytes = size_t(1) << 20;

public:
  static bool isExact(const ConvShape &s) {
    return Grid::suits(s) && s.ringBits + 2 * Filter::shift <= Vector::exactBits &&
           s.inChannels <= exactSteps<Word>(bits(s)) * tileDepth;
  }

  static size_t packedBytes(const ConvShape &s) { return points * pointLayout(s).bytes(); }

  /// U as [block of output channels][point][tiles of a block of rows].
  static void pack(const ConvShape &s, const Word *weight, void *packed) {
    const TileLayout layout = pointLayout(s);
    auto *out = static_cast<uint8_t *>(packed);
    auto *u = static_cast<Word *>(kernelScratch(points * s.inChannels * sizeof(Word)));
    for (size_t o = 0; o < layout.blocks * tileRows; ++o) {
      for (uint32_t c = 0; c < s.inChannels; ++c) {
        Word taps[points] = {};
        if (o < s.outChannels)
          Nested::transformTaps(weight + (o * s.inChannels + c) * 9, taps);
        for (uint32_t point = 0; point < points; ++point)
          u[point * s.inChannels + c] = taps[point];
      }
      for (uint32_t point = 0; point < points; ++point)
        layout.packRow(u + point * s.inChannels, o % tileRows,
                       out + (o / tileRows * points + point) * layout.blockBytes());
    }
  }

  static void run(const ConvShape &s, const Word *input, const void *packed, const Word *addend,
                  Word *output) {
    TileFilterConv(s, static_cast<const uint8_t *>(packed), addend, output).evaluate(input);
  }

private:
  static uint32_t bits(const ConvShape &s) { return s.ringBits + 2 * Filter::shift; }
  /// Of U at one point.
  static TileLayout pointLayout(const ConvShape &s) {
    return {s.outChannels, s.inChannels, limbsOf<Word>(bits(s))};
  }

  TileFilterConv(const ConvShape &shape, const uint8_t *weights, const Word *addend, Word *output)
      : shape(shape), grid(shape), layout(pointLayout(shape)), weights(weights), addend(addend),
        output(output) {}

  using Panel = typename Grid::template Panel<vectors>;
  /// Points apart by one line of cache more than a power of two: they are read side by side.
  struct alignas(64) PointSums {
    TileSums<Word> of[mostBlocks];
    uint8_t line[64];
  };
  struct Buffers {
    TileProduct<Word, Tiles> product;
    PointSums sums[2][points];                         ///< M of every other block of channels.
    alignas(64) Word transformed[points][4][tileRows]; ///< V of four channels.
    TileBlock<Word> blocks[mostBlocks];
    Panel panels[mostBlocks]; ///< 16 tiles each.
  };
  static constexpr size_t bufferBytes = roundUp(sizeof(Buffers), 64);

  void evaluate(const Word *input) {
    const size_t tiles = Grid::tiles(shape), blocks = (tiles + tileRows - 1) / tileRows,
                 most = panelBytes / (points * layout.blockBytes()),
                 together = blocksTogether(blocks, most < mostBlocks ? most : mostBlocks),
                 transformedBytes = together * points * pointBytes(),
                 offsetBytes = roundUp(layout.steps * sizeof(size_t), 64);
    auto *scratch = static_cast<uint8_t *>(kernelScratch(
        bufferBytes + offsetBytes + transformedBytes + grid.imageWords() * sizeof(Word)));
    buffers = reinterpret_cast<Buffers *>(scratch);
    auto *offsets = reinterpret_cast<size_t *>(scratch + bufferBytes);
    layout.stepOffsets(offsets);
    stepOffset = offsets;
    activations = scratch + bufferBytes + offsetBytes;
    grid.fill(input, reinterpret_cast<Word *>(activations + transformedBytes));
    Tiles::begin();
    for (size_t first = 0; first < blocks; first += together) {
      const size_t count = blocks - first < together ? blocks - first : together;
      for (size_t b = 0; b < count; ++b)
        grid.locate((first + b) * tileRows, tileRows, buffers->panels[b]);
      transform(count);
      multiplyPanel(count);
    }
    Tiles::end();
  }

  /// Of the activations of a block at one point, and a line of cache, as for PointSums.
  size_t pointBytes() const { return layout.blockBytes() + 64; }

  /// V of a panel, in limbs; four channels of all of it at a time, as in TileConv.
  void transform(size_t count) {
    for (uint32_t channel = 0; channel < layout.steps * tileDepth; channel += 4)
      for (size_t b = 0; b < count; ++b) {
        for (uint32_t i = 0; i < 4; ++i)
          for (uint32_t v = 0; v < vectors; ++v)
            transformChannel(channel + i, buffers->panels[b], i, v);
        uint8_t *row = activations + b * points * pointBytes() +
                       channel / tileDepth * layout.stepBytes() +
                       channel % tileDepth / 4 * tileDepth;
        for (uint32_t point = 0; point < points; ++point, row += pointBytes()) {
          __m512i quad[4][vectors];
          for (uint32_t i = 0; i < 4; ++i)
            for (uint32_t v = 0; v < vectors; ++v)
              quad[i][v] = Vector::load(buffers->transformed[point][i] + v * lanes);
          limbQuadRows(layout.limbs, quad, row);
        }
      }
  }

  void transformChannel(uint32_t channel, const Panel &panel, uint32_t i, uint32_t v) {
    auto keep = [&](uint32_t point, __m512i value) {
      Vector::store(buffers->transformed[point][i] + v * lanes, value);
    };
    if (channel < shape.inChannels && v < panel.vectors)
      grid.transformInput(channel, panel.in[v], keep);
    else
      for (uint32_t point = 0; point < points; ++point)
        keep(point, Vector::zero());
  }

  /// All wanted output channels of a panel of `count` blocks; those of a block of channels are
  /// transformed back and written while the next one's are multiplied.
  void multiplyPanel(size_t count) {
    const size_t end = shape.channelsEnd();
    Backlog channels((tileRows + points - 1) / points,
                     [&](size_t item) { write(item / count, item % count); });
    buffers->product.begin(layout.limbs);
    for (size_t o = shape.firstChannel / tileRows; o * tileRows < end; ++o) {
      const uint8_t *w = weights + o * points * layout.blockBytes();
      for (uint32_t point = 0; point < points; ++point, w += layout.blockBytes()) {
        for (size_t b = 0; b < count; ++b)
          buffers->blocks[b] = {activations + (b * points + point) * pointBytes(),
                                &buffers->sums[o % 2][point].of[b]};
        buffers->product.multiply(buffers->blocks, count, w, stepOffset, layout.steps, true,
                                  channels);
      }
      const size_t channel = o * tileRows, next = channel + tileRows;
      channels.take((channel < shape.firstChannel ? shape.firstChannel : channel) * count,
                    (next < end ? next : end) * count);
    }
    buffers->product.finish();
    channels.finish();
  }

  void write(size_t channel, size_t block) const {
    const size_t plane = channel * shape.outH * shape.outW;
    grid.template writeChannel<vectors>(
        buffers->panels[block],
        [&](uint32_t point, uint32_t v) {
          const auto &sums = buffers->sums[channel / tileRows % 2][point].of[block];
          return Vector::load(sums[channel % tileRows] + v * lanes);
        },
        addend ? addend + plane : nullptr, output + plane);
  }

  const ConvShape &shape;
  Grid grid;
  const TileLayout layout;
  const uint8_t *weights;
  const Word *addend;
  Word *output;
  Buffers *buffers = nullptr;
  const size_t *stepOffset = nullptr; ///< Of a block's tiles at one point.
  uint8_t *activations = nullptr;     ///< V as tiles [block][point][step][limb].
};

} // namespace
} // namespace gfs
