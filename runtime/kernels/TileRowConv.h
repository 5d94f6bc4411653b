// SPDX-License-Identifier: Apache-2.0
// TileConv.h's convolution with the tiles of TileRows.h, which a kernel's rows share. A block is 16
// pixels of one row of the output, so that narrow images are better served by TileConv.
//
// `Tiles` as for TileConv. Compiled once per instruction set: internal linkage only.
#pragma once

#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/TileProduct.h"
#include "runtime/kernels/TileRows.h"

namespace gfs {
namespace {

template <class Word, class Tiles> class TileRowConv {
  using Vector = PixelVector<Word>;
  using Rows = TileRows<Word>;
  static constexpr unsigned lanes = Vector::lanes, vectors = Vector::count;
  /// Blocks of a panel: so many share a visit to the weights.
  static constexpr size_t mostBlocks = 24;
  /// What a band's tiles may take of a second cache of 2 MB.
  static constexpr size_t bandBytes = size_t(1) << 20;

public:
  static size_t packedBytes(const ConvShape &s) { return weightLayout(Rows(s), s).bytes(); }
  /// Whether the tiles for `count` rows of the output are few enough to be a band.
  static bool fits(const Rows &rows, size_t count) {
    return rows.rowsFor(count) * rows.rowBytes() <= bandBytes;
  }
  /// Rows of the output whose tiles are there at a time.
  static size_t rowsOfBand(const Rows &rows, const ConvShape &s) {
    size_t count = s.outH;
    while (count > 1 && !fits(rows, count))
      count = (count + 1) / 2;
    return count;
  }

  static void pack(const ConvShape &s, const Word *weight, void *packed) {
    const Rows rows(s);
    const TileLayout layout = weightLayout(rows, s);
    auto *taps = static_cast<Word *>(kernelScratch(layout.depth * sizeof(Word)));
    auto *out = static_cast<uint8_t *>(packed);
    for (size_t o = 0; o < layout.blocks * tileRows; ++o) {
      if (o < s.outChannels)
        rows.orderTaps(weight + o * s.inChannels * s.kernelH * s.kernelW, taps);
      layout.packRow(o < s.outChannels ? taps : nullptr, o % tileRows,
                     out + o / tileRows * layout.blockBytes());
    }
  }

  static void run(const ConvShape &s, const Word *input, const void *packed, const Word *addend,
                  Word *output) {
    TileRowConv(s, static_cast<const uint8_t *>(packed), addend, output).evaluate(input);
  }

private:
  static TileLayout weightLayout(const Rows &rows, const ConvShape &s) {
    return {s.outChannels, rows.steps() * tileDepth, limbsOf<Word>(s.ringBits)};
  }

  TileRowConv(const ConvShape &shape, const uint8_t *weights, const Word *addend, Word *output)
      : shape(shape), rows(shape), layout(weightLayout(rows, shape)), weights(weights),
        addend(addend), output(output) {}

  /// 16 pixels of a row of the output, in the plane of channel 0.
  struct Place {
    size_t at;
    uint32_t mask;
  };
  /// Blocks that are multiplied with 16 channels, one after the other.
  struct alignas(64) Panel {
    TileSums<Word> sums[mostBlocks];
    Place places[mostBlocks];
    size_t count, channel;
  };
  struct Buffers {
    TileProduct<Word, Tiles> product;
    Panel panels[2];
    TileBlock<Word> blocks[mostBlocks];
  };
  static constexpr size_t bufferBytes = roundUp(sizeof(Buffers), 64);

  void evaluate(const Word *input) {
    const size_t band = rowsOfBand(rows, shape),
                 offsetBytes = roundUp(layout.steps * sizeof(size_t), 64),
                 bandSize = rows.rowsFor(band) * rows.rowBytes();
    auto *scratch = static_cast<uint8_t *>(
        kernelScratch(bufferBytes + offsetBytes + bandSize + rows.scratchBytes()));
    buffers = reinterpret_cast<Buffers *>(scratch);
    auto *offsets = reinterpret_cast<size_t *>(scratch + bufferBytes);
    rows.stepOffsets(offsets);
    stepOffset = offsets;
    uint8_t *tiles = scratch + bufferBytes + offsetBytes;
    rows.begin(tiles + bandSize);
    Tiles::begin();
    for (size_t n = 0; n < shape.batch; ++n)
      for (size_t y = 0; y < shape.outH; y += band) {
        const size_t count = shape.outH - y < band ? shape.outH - y : band;
        rows.fill(input + n * shape.inChannels * shape.inH * shape.inW, y * shape.strideH,
                  rows.rowsFor(count), tiles);
        multiplyBand(tiles, n, y, count);
      }
    Tiles::end();
  }

  /// All wanted output channels of rows [y, y + count). A panel's of a block of channels are written
  /// while the next ones are multiplied.
  void multiplyBand(const uint8_t *tiles, size_t n, size_t y, size_t count) {
    const size_t blocks = count * rows.blocksOfRow(), together = blocksTogether(blocks, mostBlocks),
                 chunk = stepsTogether<Word>(layout, shape.ringBits, true),
                 chunks = (layout.steps + chunk - 1) / chunk, end = shape.channelsEnd();
    size_t turn = 0; // of the buffers
    const Panel *done = nullptr;
    Backlog planes((tileRows + chunks - 1) / chunks, [&](size_t item) { write(*done, item); });
    buffers->product.begin(layout.limbs);
    for (size_t first = 0; first < blocks; first += together)
      for (size_t o = shape.firstChannel / tileRows; o * tileRows < end; ++o, ++turn) {
        Panel &panel = buffers->panels[turn % 2];
        panel.count = blocks - first < together ? blocks - first : together;
        panel.channel = o * tileRows;
        for (size_t b = 0; b < panel.count; ++b)
          buffers->blocks[b] = {tiles + locate(first + b, n, y, panel.places[b]), &panel.sums[b]};
        for (size_t step = 0; step < layout.steps; step += chunk) {
          const size_t steps = layout.steps - step < chunk ? layout.steps - step : chunk;
          buffers->product.multiply(buffers->blocks, panel.count,
                                    weights + o * layout.blockBytes() + step * layout.stepBytes(),
                                    stepOffset + step, steps, step == 0, planes);
        }
        planes.finish();
        done = &panel;
        const size_t from = panel.channel < shape.firstChannel ? shape.firstChannel - panel.channel
                                                               : 0,
                     left = end - panel.channel;
        planes.take(from * panel.count, (left < tileRows ? left : tileRows) * panel.count);
      }
    buffers->product.finish();
    planes.finish();
  }

  /// Of a block of the band that begins with row y of image n; returns where its tiles begin.
  size_t locate(size_t block, size_t n, size_t y, Place &place) const {
    const size_t row = block / rows.blocksOfRow(), x = block % rows.blocksOfRow(),
                 left = shape.outW - x * tileRows;
    place = {(n * shape.outChannels * shape.outH + y + row) * shape.outW + x * tileRows,
             left < tileRows ? (1u << left) - 1 : 0xffff};
    return row * shape.strideH * rows.rowBytes() + x * rows.blockBytes();
  }

  /// Item [channel][block].
  void write(const Panel &panel, size_t item) const {
    const size_t row = item / panel.count, block = item % panel.count;
    const Place &place = panel.places[block];
    const size_t at = (panel.channel + row) * shape.outH * shape.outW + place.at;
    for (unsigned v = 0; v < vectors; ++v) {
      const uint32_t mask = place.mask >> v * lanes & ((1u << lanes) - 1);
      __m512i z = Vector::load(panel.sums[block][row] + v * lanes);
      if (addend)
        z = Vector::add(z,
                        Vector::loadMasked(_mm512_setzero_si512(), mask, addend + at + v * lanes));
      Vector::storeMasked(output + at + v * lanes, mask, z);
    }
  }

  const ConvShape &shape;
  Rows rows;
  const TileLayout layout;
  const uint8_t *weights;
  const Word *addend;
  Word *output;
  Buffers *buffers = nullptr;
  const size_t *stepOffset = nullptr;
};

} // namespace
} // namespace gfs
