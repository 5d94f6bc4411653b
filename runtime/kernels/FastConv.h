// SPDX-License-Identifier: Apache-2.0
// 3x3 convolutions of stride 1 with 4/9 or 1/4 of the multiplications, exact in the ring: a filter
// of FastFilter.h in both directions. A tile of (m + 2) x (m + 2) inputs d gives m x m outputs Y,
//   4^shift Y = A' ((G g G') * (B' d B)) A,   * by elements, summed over input channels.
// A word of w bits holds Y mod 2^(w - 2 shift) after a shift by 2 shift bits: right for rings of at
// most that many bits.
//
// `Simd` as for ConvKernel, and: exactBits, w; sub; shiftRight; storeInterleaved.
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/ConvGeometry.h"
#include "runtime/kernels/FastFilter.h"
#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/PhaseRows.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gfs {
namespace {

template <class Simd, class Filter> class FastConv {
  using Word = typename Simd::Word;
  using Vector = typename Simd::Vector;
  static constexpr uint32_t lanes = Simd::lanes;
  static constexpr uint32_t rows = Simd::tileRows;           // output channels done together
  static constexpr uint32_t mostVectors = Simd::tileVectors; // vectors of tiles done together
  static constexpr uint32_t mostTiles = lanes * mostVectors;
  static constexpr uint32_t outputs = Filter::outputs; // of a tile, in each direction
  static constexpr uint32_t inputs = outputs + 2;
  static constexpr uint32_t side = Filter::points, points = side * side; // of a transformed tile
  /// Transformed inputs of the tiles done together stay in this half of a 1 MB L2.
  static constexpr size_t cachedBytes = size_t(512) << 10;
  /// Transformed weights beyond this come from memory for all tiles that are done together: what a
  /// cache shared with the other processors is sure to keep.
  static constexpr size_t keptBytes = size_t(8) << 20;

public:
  static bool isExact(const ConvShape &s) {
    return s.kernelH == 3 && s.kernelW == 3 && s.strideH == 1 && s.strideW == 1 &&
           s.dilationH == 1 && s.dilationW == 1 && s.groups == 1 &&
           s.ringBits + 2 * Filter::shift <= Simd::exactBits;
  }

  /// Vector multiplications, and as many steps of about their length as transforming takes.
  /// Infinite where the transformed weights, points / 9 as many bytes, would serve few tiles.
  static double work(const ConvShape &s) {
    const size_t tiles = size_t(s.batch) * tilesOf(s.outH) * tilesOf(s.outW);
    if (!isExact(s) || tiles < 16)
      return std::numeric_limits<double>::infinity();
    const double channels = s.inChannels, outChannels = blocks(s) * rows;
    const auto vectors = double((tiles + lanes - 1) / lanes);
    const double computing =
        vectors * points *
        (channels * outChannels + Filter::transformSteps * (channels + outChannels));
    // A multiplication takes as long as a twentieth of a vector from memory.
    constexpr double fetchedBytes = sizeof(Vector) / 20.0;
    const double panels = std::ceil(vectors / vectorsTogether(s)),
                 fetching = packedBytes(s) > keptBytes
                                ? panels * double(packedBytes(s)) / fetchedBytes
                                : 0;
    return std::max(computing, fetching);
  }

  static size_t packedBytes(const ConvShape &s) {
    return size_t(blocks(s)) * rows * points * s.inChannels * sizeof(Word);
  }

  /// G g G' as [block of output channels][point][input channel][output channel in the block]; zero
  /// beyond the last output channel.
  static void pack(const ConvShape &s, const Word *weight, void *packed) {
    auto *out = static_cast<Word *>(packed);
    const size_t pointStride = size_t(s.inChannels) * rows;
    for (uint32_t block = 0; block < blocks(s); ++block, out += points * pointStride)
      for (uint32_t c = 0; c < s.inChannels; ++c)
        for (uint32_t r = 0; r < rows; ++r) {
          const uint32_t o = block * rows + r;
          Word u[points] = {};
          if (o < s.outChannels)
            transformWeight(weight + (size_t(o) * s.inChannels + c) * 9, u);
          for (uint32_t p = 0; p < points; ++p)
            out[p * pointStride + c * rows + r] = u[p];
        }
  }

  static void run(const ConvShape &s, const Word *input, const void *packed, Word *output) {
    FastConv(s, static_cast<const Word *>(packed), output).evaluate(input);
  }

private:
  const ConvShape &shape;
  const ConvGeometry geometry; ///< Of the tiles: each as a kernel, each next one a stride away.
  const Word *weight;
  Word *output;
  const Word *image = nullptr;       ///< The phase image of `geometry`.
  size_t tapOffset[inputs * inputs]; ///< Of a tile's elements in the first channel.
  Word *transformed = nullptr;       ///< [point][input channel][tile]
  Word *products = nullptr;          ///< [point][output channel in the block][tile]

  static uint32_t tilesOf(uint32_t count) { return (count + outputs - 1) / outputs; }
  bool isWanted(uint32_t channel) const {
    return channel >= shape.firstChannel && channel < shape.channelsEnd();
  }
  static uint32_t atMost(uint32_t most, uint32_t count) { return count < most ? count : most; }
  static uint32_t blocks(const ConvShape &s) { return (s.outChannels + rows - 1) / rows; }
  /// Transformed inputs of a vector of tiles.
  static size_t vectorBytes(const ConvShape &s) {
    return points * size_t(s.inChannels) * lanes * sizeof(Word);
  }
  /// Vectors of tiles done together.
  static uint32_t vectorsTogether(const ConvShape &s) {
    return mostVectors > 1 && mostVectors * vectorBytes(s) > cachedBytes ? 1 : mostVectors;
  }
  static ConvShape tileShape(ConvShape s) {
    s.outH = tilesOf(s.outH);
    s.outW = tilesOf(s.outW);
    s.kernelH = s.kernelW = inputs;
    s.strideH = s.strideW = outputs;
    return s;
  }

  FastConv(const ConvShape &shape, const Word *weight, Word *output)
      : shape(shape), geometry(tileShape(shape)), weight(weight), output(output) {}

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
    const size_t productBytes = points * rows * mostTiles * sizeof(Word);
    auto *scratch =
        static_cast<uint8_t *>(kernelScratch(productBytes + transformedBytes + imageBytes));
    products = reinterpret_cast<Word *>(scratch);
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
    const size_t pointStride = size_t(shape.inChannels) * rows;
    for (uint32_t block = shape.firstChannel / rows; block * rows < shape.channelsEnd(); ++block) {
      const Word *w = weight + block * points * pointStride;
      for (uint32_t point = 0; point < points; ++point)
        multiply<vectors>(w + point * pointStride, point);
      for (uint32_t r = 0; r < rows; ++r)
        if (isWanted(block * rows + r))
          writeChannel<vectors>(p, r, output + size_t(block * rows + r) * shape.outH * shape.outW);
    }
  }

  /// u = G g G'.
  static void transformWeight(const Word *g, Word *u) {
    Word half[3][side]; // G g by columns
    for (uint32_t j = 0; j < 3; ++j)
      Filter::taps({g[j], g[3 + j], g[6 + j]}, half[j]);
    for (uint32_t i = 0; i < side; ++i, u += side) {
      Word row[side];
      Filter::taps({half[0][i], half[1][i], half[2][i]}, row);
      std::memcpy(u, row, sizeof row);
    }
  }

  /// B' d B of one channel for `lanes` tiles, to out[point][…].
  template <uint32_t vectors>
  void transformInput(const Word *channel, const PieceList &list, Word *out) const {
    Vector half[side][inputs]; // B' d
    for (uint32_t j = 0; j < inputs; ++j) {
      Vector d[inputs], column[side];
      for (uint32_t i = 0; i < inputs; ++i)
        d[i] = loadPieces<Simd>(channel + tapOffset[i * inputs + j], list);
      Filter::template inputs<Simd>(d, column);
      for (uint32_t i = 0; i < side; ++i)
        half[i][j] = column[i];
    }
    const size_t stride = size_t(shape.inChannels) * vectors * lanes;
    for (uint32_t i = 0; i < side; ++i) {
      Vector row[side];
      Filter::template inputs<Simd>(half[i], row);
      for (uint32_t j = 0; j < side; ++j, out += stride)
        Simd::store(out, row[j]);
    }
  }

  /// One point of a block of output channels: the sums over the input channels.
  template <uint32_t vectors> void multiply(const Word *w, uint32_t point) const {
    typename Simd::Sum sum[rows][vectors];
    for (uint32_t r = 0; r < rows; ++r)
      for (uint32_t v = 0; v < vectors; ++v)
        sum[r][v] = Simd::zeroSum();
    const Word *in = transformed + point * size_t(shape.inChannels) * vectors * lanes;
    for (uint32_t c = 0; c < shape.inChannels; ++c, w += rows, in += vectors * lanes) {
      typename Simd::Pixel pixel[vectors];
      for (uint32_t v = 0; v < vectors; ++v)
        pixel[v] = Simd::pixel(Simd::load(in + v * lanes));
      for (uint32_t r = 0; r < rows; ++r) {
        const typename Simd::Weight factor = Simd::broadcast(w + r);
        for (uint32_t v = 0; v < vectors; ++v)
          sum[r][v] = Simd::multiplyAdd(sum[r][v], pixel[v], factor);
      }
    }
    Word *out = products + point * rows * mostTiles;
    for (uint32_t r = 0; r < rows; ++r)
      for (uint32_t v = 0; v < vectors; ++v)
        Simd::store(out + r * mostTiles + v * lanes, Simd::finish(sum[r][v]));
  }

  /// Y = A' M A / 4^shift of row r of the block, to its output plane.
  template <uint32_t vectors> void writeChannel(const Panel &p, uint32_t r, Word *plane) const {
    Word line[outputs][outputs * vectors * lanes];
    for (uint32_t v = 0; v < vectors; ++v) {
      Vector half[outputs][side]; // A' M
      for (uint32_t j = 0; j < side; ++j) {
        Vector m[side], column[outputs];
        for (uint32_t i = 0; i < side; ++i)
          m[i] = Simd::load(products + ((side * i + j) * rows + r) * mostTiles + v * lanes);
        Filter::template results<Simd>(m, column);
        for (uint32_t i = 0; i < outputs; ++i)
          half[i][j] = column[i];
      }
      for (uint32_t i = 0; i < outputs; ++i) {
        Vector y[outputs];
        Filter::template results<Simd>(half[i], y);
        if constexpr (Filter::shift > 0)
          for (Vector &value : y)
            value = Simd::template shiftRight<2 * Filter::shift>(value);
        Simd::storeInterleaved(line[i] + outputs * v * lanes, y);
      }
    }
    for (uint32_t i = 0; i < p.runCount; ++i) {
      const Run &run = p.runs[i];
      for (uint32_t row = 0; row < run.rows; ++row)
        std::memcpy(plane + run.at + size_t(row) * shape.outW, line[row] + outputs * run.first,
                    run.columns * sizeof(Word));
    }
  }
};

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
  static void run(const ConvShape &s, const Word *input, const void *packed, Word *output) {
    withFilter(s, [&]<class Filter>() {
      if (FastConv<Narrow, Filter>::isExact(s))
        FastConv<Narrow, Filter>::run(s, input, packed, output);
      else
        FastConv<Wide, Filter>::run(s, input, packed, output);
    });
  }

private:
  static double plainWork(const ConvShape &s) {
    const double pixels = double(s.batch) * s.outH * s.outW;
    return pixels / Wide::lanes * 9 * s.inChannels * s.outChannels;
  }
  template <class Function> static void withFilter(const ConvShape &s, Function function) {
    const double winograd = FastConv<Wide, WinogradFilter>::work(s),
                 large = FastConv<Wide, LargeWinogradFilter>::work(s),
                 karatsuba = FastConv<Wide, KaratsubaFilter>::work(s);
    const double least = std::min({winograd, large, karatsuba, plainWork(s)});
    if (large == least)
      function.template operator()<LargeWinogradFilter>();
    else if (winograd == least)
      function.template operator()<WinogradFilter>();
    else if (karatsuba == least)
      function.template operator()<KaratsubaFilter>();
  }
};

} // namespace
} // namespace gfs
