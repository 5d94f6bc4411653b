// SPDX-License-Identifier: Apache-2.0
// Ring convolution on a matrix unit that multiplies tiles of bytes (AMX): 16 output channels x 64
// taps times 64 taps x 16 pixels, u8 x u8 into 32 bits.
//
// The algorithm is school multiplication in base 256. With x = sum_i x_i 2^{8i} and
// w = sum_j w_j 2^{8j},
//   sum over taps of w x = sum_d 2^{8d} S_d mod 2^l,   S_d = sum_{i+j=d} sum over taps of w_j x_i,
// and tiles sum w_j x_i. Where to read what: how the sum over taps is cut into steps of 64, and
// weights are packed, in TileLayout.h; words to limbs in TileTransforms.h; the products S_d and
// their sum in TileProduct.h, in the order of TileSchedule.h. Here: which pixels and channels are
// multiplied when, so that one operand is in the first cache and the other in the second. With the
// filters of FastFilter.h instead: TileFilterConv.h; with tiles that several taps share:
// TileRowConv.h.
//
// `Tiles` is the unit: begin, end, zero<r>, load<r>, store<r>, multiply<sum, a, b>. Needs AVX-512
// for packing and folding. Compiled once per instruction set: internal linkage only.
#pragma once

#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/PhaseRows.h"
#include "runtime/kernels/TileProduct.h"

namespace gfs {
namespace {

template <class Word, class Tiles> class TileConv {
  using Vector = PixelVector<Word>;
  static constexpr unsigned lanes = Vector::lanes, vectors = Vector::count;
  /// Blocks of a panel: so many share a visit to the weights.
  static constexpr size_t mostBlocks = 24;
  /// A panel's activations leave room for weights in a second cache of 2 MB.
  static constexpr size_t panelBytes = size_t(5) << 18;

public:
  static size_t packedBytes(const ConvShape &shape) { return weightLayout(shape).bytes(); }

  static void pack(const ConvShape &shape, const Word *weight, void *packed) {
    weightLayout(shape).pack(weight, static_cast<uint8_t *>(packed));
  }

  static void run(const ConvShape &shape, const Word *input, const void *packed, const Word *addend,
                  Word *output) {
    TileConv(shape, static_cast<const uint8_t *>(packed), addend, output).evaluate(input);
  }

private:
  static TileLayout weightLayout(const ConvShape &s) {
    return {s.outChannels, size_t(s.inChannels) * s.kernelH * s.kernelW, limbsOf<Word>(s.ringBits)};
  }

  TileConv(const ConvShape &shape, const uint8_t *weights, const Word *addend, Word *output)
      : shape(shape), geometry(shape), layout(weightLayout(shape)), weights(weights),
        addend(addend), output(output) {}

  /// Of the activations of a block, and a line of cache: blocks are written side by side.
  size_t blockStride() const { return layout.blockBytes() + 64; }
  size_t outPlane() const { return size_t(shape.outH) * shape.outW; }

  void evaluate(const Word *input) {
    const size_t pixels = geometry.pixels(), blocks = (pixels + tileRows - 1) / tileRows,
                 most = panelBytes / layout.blockBytes(),
                 together = blocksTogether(blocks, most < mostBlocks ? most : mostBlocks),
                 activationBytes = together * blockStride(),
                 offsetBytes = roundUp((layout.depth + layout.steps) * sizeof(size_t), 64),
                 imageBytes = geometry.isInput
                                  ? 0
                                  : geometry.batch * geometry.imageElements() * sizeof(Word);
    auto *scratch = static_cast<uint8_t *>(
        kernelScratch(bufferBytes + activationBytes + offsetBytes + imageBytes));
    buffers = reinterpret_cast<Buffers *>(scratch);
    uint8_t *tiles = scratch + bufferBytes;
    auto *offsets = reinterpret_cast<size_t *>(tiles + activationBytes);
    geometry.tapOffsets(offsets);
    tapOffset = offsets;
    layout.stepOffsets(offsets + layout.depth);
    stepOffset = offsets + layout.depth;
    image = input;
    if (!geometry.isInput) {
      auto *phases = reinterpret_cast<Word *>(tiles + activationBytes + offsetBytes);
      fillPhases<Vector>(geometry, input, phases);
      image = phases;
    }
    Tiles::begin();
    for (size_t first = 0; first < blocks; first += together) {
      const size_t count = blocks - first < together ? blocks - first : together;
      for (size_t b = 0; b < count; ++b)
        buffers->places[b].locate(geometry, shape.outChannels, (first + b) * tileRows);
      gather(tiles, count);
      multiplyPanel(tiles, count);
    }
    Tiles::end();
  }

  /// The activations of a panel as tiles, four planes of the input at a time: caches foresee a walk
  /// along few planes only.
  void gather(uint8_t *tiles, size_t count) const {
    for (size_t quad = 0; quad < layout.steps * tileRows; ++quad) {
      uint8_t *row = tiles + quad / tileRows * layout.stepBytes() + quad % tileRows * tileDepth;
      for (size_t b = 0; b < count; ++b, row += blockStride()) {
        __m512i taps[4][vectors];
        for (size_t i = 0; i < 4; ++i)
          for (unsigned v = 0; v < vectors; ++v)
            taps[i][v] =
                4 * quad + i < layout.depth
                    ? loadPieces<Vector>(image + tapOffset[4 * quad + i], buffers->places[b].in[v])
                    : _mm512_setzero_si512();
        limbQuadRows(layout.limbs, taps, row);
      }
    }
  }

  /// All wanted output channels of a panel of `count` blocks. Those of a block of channels are
  /// written while the next one's are multiplied, plane by plane.
  void multiplyPanel(const uint8_t *tiles, size_t count) {
    const size_t chunk = stepsTogether<Word>(layout, shape.ringBits, count > 1),
                 chunks = (layout.steps + chunk - 1) / chunk, end = shape.channelsEnd();
    Backlog planes((tileRows + count * chunks - 1) / (count * chunks),
                   [&](size_t channel) { write(channel, count); });
    buffers->product.begin(layout.limbs);
    for (size_t o = shape.firstChannel / tileRows; o * tileRows < end; ++o) {
      for (size_t b = 0; b < count; ++b)
        buffers->blocks[b] = {tiles + b * blockStride(), &buffers->sums[o % 2][b]};
      for (size_t first = 0; first < layout.steps; first += chunk) {
        const size_t steps = layout.steps - first < chunk ? layout.steps - first : chunk;
        buffers->product.multiply(buffers->blocks, count,
                                  weights + o * layout.blockBytes() + first * layout.stepBytes(),
                                  stepOffset + first, steps, first == 0, planes);
      }
      const size_t channel = o * tileRows, next = channel + tileRows;
      planes.take(channel < shape.firstChannel ? shape.firstChannel : channel,
                  next < end ? next : end);
    }
    buffers->product.finish();
    planes.finish();
  }

  /// A panel's pixels of one channel.
  void write(size_t channel, size_t count) const {
    const size_t plane = channel * outPlane();
    for (size_t b = 0; b < count; ++b)
      for (unsigned v = 0; v < vectors; ++v)
        storePieces<Vector>(
            output + plane, addend ? addend + plane : nullptr, buffers->places[b].out[v],
            Vector::load(buffers->sums[channel / tileRows % 2][b][channel % tileRows] + v * lanes));
  }

  struct Buffers {
    TileProduct<Word, Tiles> product;
    alignas(64) TileSums<Word> sums[2][mostBlocks]; ///< Of every other block of channels.
    PixelPanel<lanes, vectors> places[mostBlocks];  ///< 16 pixels each.
    TileBlock<Word> blocks[mostBlocks];
  };
  static constexpr size_t bufferBytes = roundUp(sizeof(Buffers), 64);

  const ConvShape &shape;
  const ConvGeometry geometry;
  const TileLayout layout;
  const uint8_t *weights;
  const Word *addend;
  Word *output;
  Buffers *buffers = nullptr;
  const Word *image = nullptr;        ///< The phase image.
  const size_t *tapOffset = nullptr;  ///< [depth]
  const size_t *stepOffset = nullptr; ///< Of a block's tiles.
};

} // namespace
} // namespace gfs
