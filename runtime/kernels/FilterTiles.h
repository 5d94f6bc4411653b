// SPDX-License-Identifier: Apache-2.0
// The tiles of a convolution by one of the filters of FastFilter.h: where their inputs lie and
// their outputs go, and both transforms (NestedFilter.h). What lies between, the sum over channels
// at each point, is FastConv.h's with vectors and TileFilterConv.h's with a matrix unit.
//
// A *panel* is up to `most` vectors of neighbouring tiles that are done together. `Simd` as for
// ConvKernel, and: sub; shiftRight; storeInterleaved.
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/ConvGeometry.h"
#include "runtime/kernels/NestedFilter.h"
#include "runtime/kernels/PhaseRows.h"

namespace gfs {
namespace {

template <class Simd, class Filter> class FilterTiles {
  using Word = typename Simd::Word;
  using Vector = typename Simd::Vector;
  using Nested = NestedFilter<Filter>;
  static constexpr uint32_t lanes = Simd::lanes, inputs = Nested::inputs, outputs = Nested::outputs;

public:
  /// Whether the filter's tiles are those of the shape.
  static bool suits(const ConvShape &s) {
    return s.kernelH == 3 && s.kernelW == 3 && s.strideH == 1 && s.strideW == 1 &&
           s.dilationH == 1 && s.dilationW == 1 && s.groups == 1;
  }
  /// Tiles of all images.
  static size_t tiles(const ConvShape &s) {
    return size_t(s.batch) * tilesOf(s.outH) * tilesOf(s.outW);
  }

  explicit FilterTiles(const ConvShape &shape) : shape(shape), geometry(tileShape(shape)) {
    for (uint32_t i = 0; i < inputs; ++i)
      for (uint32_t j = 0; j < inputs; ++j)
        tapOffset[i * inputs + j] = (i % outputs * outputs + j % outputs) * geometry.planeElements +
                                    i / outputs * geometry.rowElements() + j / outputs;
  }

  /// Words of the phase image, in which tiles find their inputs.
  size_t imageWords() const { return geometry.batch * geometry.imageElements(); }
  void fill(const Word *input, Word *phases) {
    fillPhases<Simd>(geometry, input, phases);
    image = phases;
  }

  /// Neighbours in a row of tiles, and where their outputs begin in the plane of channel 0.
  struct Run {
    uint32_t first, count;
    size_t at;
    uint32_t columns, rows; ///< Of outputs, less at a border than the tiles have.
  };
  template <uint32_t most> struct Panel {
    PieceList in[most];
    Run runs[most * lanes];
    uint32_t vectors, runCount = 0;

    /// One of its vectors.
    Panel vector(uint32_t v) const {
      Panel one;
      one.in[0] = in[v];
      one.vectors = 1;
      for (uint32_t i = 0; i < runCount; ++i)
        if (runs[i].first / lanes == v) {
          one.runs[one.runCount] = runs[i];
          one.runs[one.runCount++].first -= v * lanes;
        }
      return one;
    }
  };

  /// The panel of up to `count` tiles from `firstTile` on.
  template <uint32_t most> void locate(size_t firstTile, uint32_t count, Panel<most> &p) const {
    const uint32_t tilesH = geometry.height.out, tilesW = geometry.width.out;
    const size_t left = geometry.pixels() - firstTile;
    const uint32_t tiles = left < count ? uint32_t(left) : count;
    p.vectors = (tiles + lanes - 1) / lanes;
    p.runCount = 0;
    for (PieceList &list : p.in)
      list.clear();
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

  /// B' d B of one channel of the vector of tiles at `list`; `store(point, v)` takes the points in
  /// order.
  template <class Store>
  [[gnu::always_inline]] void transformInput(uint32_t channel, const PieceList &list,
                                             const Store &store) const {
    const Word *plane = image + channel * geometry.channelElements();
    Nested::template transformInputs<Simd>(
        [&](uint32_t i, uint32_t j) {
          return loadPieces<Simd>(plane + tapOffset[i * inputs + j], list);
        },
        store);
  }

  /// A' M A / 4^shift of one channel of a panel of `vectors` vectors, `load(point, v)` being M,
  /// plus `addend` (may be null), to `output`: both the channel's plane in the first image.
  template <uint32_t vectors, uint32_t most, class Load>
  [[gnu::always_inline]] void writeChannel(const Panel<most> &p, const Load &load,
                                           const Word *addend, Word *output) const {
    Word line[outputs][(outputs * vectors + 1) * lanes]; // the last vector is read, not used
    for (uint32_t v = 0; v < vectors; ++v)
      Nested::template transformProducts<Simd>([&](uint32_t point) { return load(point, v); },
                                               [&](uint32_t i, const Vector(&y)[outputs]) {
                                                 Simd::storeInterleaved(
                                                     line[i] + outputs * v * lanes, y);
                                               });
    for (uint32_t i = 0; i < p.runCount; ++i) {
      const Run &run = p.runs[i];
      for (uint32_t row = 0; row < run.rows; ++row) {
        const size_t at = run.at + size_t(row) * shape.outW;
        const Word *y = line[row] + outputs * run.first;
        const Word *from = addend ? addend + at : nullptr;
        uint32_t column = 0;
        for (; column + lanes <= run.columns; column += lanes) {
          Vector v = Simd::load(y + column);
          if (from)
            v = Simd::add(v, Simd::load(from + column));
          Simd::store(output + at + column, v);
        }
        if (column < run.columns) {
          const uint32_t mask = (1u << (run.columns - column)) - 1;
          Vector v = Simd::load(y + column);
          if (from)
            v = Simd::add(v, Simd::loadMasked(Simd::zero(), mask, from + column));
          Simd::storeMasked(output + at + column, mask, v);
        }
      }
    }
  }

private:
  static uint32_t tilesOf(uint32_t count) { return (count + outputs - 1) / outputs; }
  static uint32_t atMost(uint32_t most, uint32_t count) { return count < most ? count : most; }
  static ConvShape tileShape(ConvShape s) {
    s.outH = tilesOf(s.outH);
    s.outW = tilesOf(s.outW);
    s.kernelH = s.kernelW = inputs;
    s.strideH = s.strideW = outputs;
    return s;
  }

  const ConvShape &shape;
  const ConvGeometry geometry; ///< Of the tiles: each as a kernel, each next one a stride away.
  const Word *image = nullptr; ///< The phase image of `geometry`.
  size_t tapOffset[inputs * inputs]; ///< Of a tile's elements in the first channel.
};

} // namespace
} // namespace gfs
