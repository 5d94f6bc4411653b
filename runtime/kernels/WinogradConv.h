// SPDX-License-Identifier: Apache-2.0
// 3x3 convolutions of stride 1 with 4/9 of the multiplications, exactly: Winograd's F(2x2, 3x3) in
// the ring.
//
// A tile of 4x4 inputs d gives 2x2 outputs Y. With integer matrices
//   B' = [1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1],  G = [1 0 0; 1 1 1; 1 -1 1; 0 0 1],
//   A' = [2 1 1 0; 0 1 -1 -2]
// (those of real numbers, without the halves of G) it holds over the integers, and so mod 2^w, that
//   4 Y = A' ((G g G') * (B' d B)) A,   * by elements, summed over input channels.
// A word of w bits thus holds Y mod 2^(w-2) after a shift by 2: right for rings of at most w - 2
// bits. One half is impossible mod 2^w, but a quarter of a multiple of 4 is not.
//
// `Simd` as for ConvKernel, and: exactBits, w; sub; quarter, the shift; storeInterleaved.
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/ConvGeometry.h"
#include "runtime/kernels/KernelVariants.h"

namespace gfs {
namespace {

template <class Simd> class WinogradConv {
  using Word = typename Simd::Word;
  using Vector = typename Simd::Vector;
  static constexpr uint32_t lanes = Simd::lanes;
  static constexpr uint32_t rows = Simd::tileRows;           // output channels done together
  static constexpr uint32_t mostVectors = Simd::tileVectors; // vectors of tiles done together
  static constexpr uint32_t mostTiles = lanes * mostVectors;
  static constexpr uint32_t points = 16; // elements of a transformed tile
  /// Transformed inputs of the tiles done together stay in this half of a 1 MB L2.
  static constexpr size_t cachedBytes = size_t(512) << 10;

public:
  /// Whether it is right, and faster: transforming pays from some channels on, and the transformed
  /// weights (16/9 as many bytes) must serve more than a few tiles.
  static bool suits(const ConvShape &s) {
    return s.kernelH == 3 && s.kernelW == 3 && s.strideH == 1 && s.strideW == 1 &&
           s.dilationH == 1 && s.dilationW == 1 && s.groups == 1 &&
           s.ringBits + 2 <= Simd::exactBits && s.inChannels >= 8 && s.outChannels >= 8 &&
           size_t(s.batch) * tilesOf(s.outH) * tilesOf(s.outW) >= 16;
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
    WinogradConv(s, static_cast<const Word *>(packed), output).evaluate(input);
  }

private:
  const ConvShape &shape;
  const ConvGeometry geometry; ///< Of the tiles: a 4x4 convolution of stride 2.
  const Word *weight;
  Word *output;
  const Word *image = nullptr; ///< The phase image of `geometry`.
  size_t tapOffset[points];    ///< Of a tile's elements in the first channel.
  Word *transformed = nullptr; ///< [point][input channel][tile]
  Word *products = nullptr;    ///< [point][output channel in the block][tile]

  static uint32_t tilesOf(uint32_t outputs) { return (outputs + 1) / 2; }
  static uint32_t blocks(const ConvShape &s) { return (s.outChannels + rows - 1) / rows; }
  static ConvShape tileShape(ConvShape s) {
    s.outH = tilesOf(s.outH);
    s.outW = tilesOf(s.outW);
    s.kernelH = s.kernelW = 4;
    s.strideH = s.strideW = 2;
    return s;
  }

  WinogradConv(const ConvShape &shape, const Word *weight, Word *output)
      : shape(shape), geometry(tileShape(shape)), weight(weight), output(output) {}

  /// Neighbours in a row of tiles, and where their outputs begin in the plane of channel 0.
  struct Run {
    uint32_t first, count;
    size_t at;
    uint32_t columns; ///< Of outputs: 2 count, or one less at an odd border.
    bool bothRows;
  };
  /// The tiles done together.
  struct Panel {
    PieceList in[mostVectors];
    Run runs[mostTiles];
    uint32_t vectors, runCount = 0;
  };

  void evaluate(const Word *input) {
    const size_t imageBytes = geometry.batch * geometry.imageElements() * sizeof(Word);
    const size_t vectorBytes = points * size_t(shape.inChannels) * lanes * sizeof(Word);
    const uint32_t vectors =
        mostVectors > 1 && mostVectors * vectorBytes > cachedBytes ? 1 : mostVectors;
    const size_t productBytes = points * rows * mostTiles * sizeof(Word);
    auto *scratch =
        static_cast<uint8_t *>(kernelScratch(productBytes + vectors * vectorBytes + imageBytes));
    products = reinterpret_cast<Word *>(scratch);
    transformed = reinterpret_cast<Word *>(scratch + productBytes);
    auto *phases = reinterpret_cast<Word *>(scratch + productBytes + vectors * vectorBytes);
    geometry.fillPhases(input, phases);
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
    for (uint32_t i = 0; i < 4; ++i)
      for (uint32_t j = 0; j < 4; ++j)
        tapOffset[4 * i + j] =
            (i % 2 * 2 + j % 2) * geometry.planeElements + i / 2 * geometry.rowElements() + j / 2;
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
        p.runs[p.runCount++] = {t, 0,
                                (n * shape.outChannels * shape.outH + 2 * y) * shape.outW + 2 * x,
                                0, 2 * y + 1 < shape.outH};
      Run &run = p.runs[p.runCount - 1];
      ++run.count;
      run.columns += 2 * x + 1 < shape.outW ? 2 : 1;
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
    for (uint32_t block = 0; block < blocks(shape); ++block) {
      const Word *w = weight + block * points * pointStride;
      for (uint32_t point = 0; point < points; ++point)
        multiply<vectors>(w + point * pointStride, point);
      for (uint32_t r = 0; r < rows && block * rows + r < shape.outChannels; ++r)
        writeChannel<vectors>(p, r, output + size_t(block * rows + r) * shape.outH * shape.outW);
    }
  }

  /// u = G g G'.
  static void transformWeight(const Word *g, Word *u) {
    Word half[4][3];
    for (uint32_t j = 0; j < 3; ++j) {
      const Word a = g[j], b = g[3 + j], c = g[6 + j];
      half[0][j] = a;
      half[1][j] = a + b + c;
      half[2][j] = a - b + c;
      half[3][j] = c;
    }
    for (uint32_t i = 0; i < 4; ++i) {
      const Word a = half[i][0], b = half[i][1], c = half[i][2];
      *u++ = a;
      *u++ = a + b + c;
      *u++ = a - b + c;
      *u++ = c;
    }
  }

  static Vector loadPieces(const Word *base, const PieceList &list) {
    constexpr uint32_t all = (1u << lanes) - 1;
    if (list.piece[0].mask == all)
      return Simd::load(base + list.piece[0].offset);
    Vector v = Simd::zero();
    for (uint32_t i = 0; i < list.count; ++i)
      v = Simd::loadMasked(v, list.piece[i].mask, base + list.piece[i].offset);
    return v;
  }

  /// B' d B of one channel for `lanes` tiles, to out[point][…].
  template <uint32_t vectors>
  void transformInput(const Word *channel, const PieceList &list, Word *out) const {
    Vector half[4][4]; // B' d
    for (uint32_t j = 0; j < 4; ++j) {
      Vector d[4];
      for (uint32_t i = 0; i < 4; ++i)
        d[i] = loadPieces(channel + tapOffset[4 * i + j], list);
      half[0][j] = Simd::sub(d[0], d[2]);
      half[1][j] = Simd::add(d[1], d[2]);
      half[2][j] = Simd::sub(d[2], d[1]);
      half[3][j] = Simd::sub(d[1], d[3]);
    }
    const size_t stride = size_t(shape.inChannels) * vectors * lanes;
    for (uint32_t i = 0; i < 4; ++i, out += 4 * stride) {
      Simd::store(out, Simd::sub(half[i][0], half[i][2]));
      Simd::store(out + stride, Simd::add(half[i][1], half[i][2]));
      Simd::store(out + 2 * stride, Simd::sub(half[i][2], half[i][1]));
      Simd::store(out + 3 * stride, Simd::sub(half[i][1], half[i][3]));
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

  /// [2 1 1 0; 0 1 -1 -2] m.
  static void halve(const Vector (&m)[4], Vector &first, Vector &second) {
    first = Simd::add(Simd::add(Simd::add(m[0], m[0]), m[1]), m[2]);
    second = Simd::sub(Simd::sub(m[1], m[2]), Simd::add(m[3], m[3]));
  }

  /// Y = A' M A / 4 of row r of the block, to its output plane.
  template <uint32_t vectors> void writeChannel(const Panel &p, uint32_t r, Word *plane) const {
    Word line[2][2 * vectors * lanes];
    for (uint32_t v = 0; v < vectors; ++v) {
      Vector half[2][4]; // A' M
      for (uint32_t j = 0; j < 4; ++j) {
        Vector m[4];
        for (uint32_t i = 0; i < 4; ++i)
          m[i] = Simd::load(products + ((4 * i + j) * rows + r) * mostTiles + v * lanes);
        halve(m, half[0][j], half[1][j]);
      }
      for (uint32_t i = 0; i < 2; ++i) {
        Vector left, right;
        halve(half[i], left, right);
        Simd::storeInterleaved(line[i] + 2 * v * lanes, Simd::quarter(left), Simd::quarter(right));
      }
    }
    for (uint32_t i = 0; i < p.runCount; ++i) {
      const Run &run = p.runs[i];
      std::memcpy(plane + run.at, line[0] + 2 * run.first, run.columns * sizeof(Word));
      if (run.bothRows)
        std::memcpy(plane + run.at + shape.outW, line[1] + 2 * run.first,
                    run.columns * sizeof(Word));
    }
  }
};

} // namespace
} // namespace gfs
