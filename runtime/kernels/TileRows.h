// SPDX-License-Identifier: Apache-2.0
// Rows of an image as tiles that a convolution's rows of taps share: words become bytes once and
// are copied once per column of taps, not once per tap.
//
// A *quad* is four neighbouring channels, zeros beyond the last one; byte j of its four words at
// one pixel, side by side, is limb j of the quad. The taps of one row of the kernel are
//   [column][quad][4 channels],
// cut into steps of 16 quads. A tile holds one limb of a step for 16 neighbouring pixels of a row
// of the output, [16 quads][16 pixels][4 channels]. Tiles of a band of rows of the padded input are
//   [row][block of pixels][step][limb],
// so that row y of the output finds tap (kh, step) in row y * strideH + kh * dilationH.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/TileLayout.h"

#include <cstring>

namespace gfs {
namespace {

template <class Word> class TileRows {
  using Vector = PixelVector<Word>;
  static constexpr unsigned lanes = Vector::lanes, vectors = Vector::count;

public:
  explicit TileRows(const ConvShape &s)
      : shape(s), quads((s.inChannels + 3) / 4), limbs(limbsOf<Word>(s.ringBits)),
        rowSteps((size_t(s.kernelW) * quads + tileRows - 1) / tileRows),
        blocks((s.outW + tileRows - 1) / tileRows) {}

  size_t blocksOfRow() const { return blocks; }
  size_t steps() const { return shape.kernelH * rowSteps; }
  size_t blockBytes() const { return rowSteps * limbs * tileBytes; }
  size_t rowBytes() const { return blocks * blockBytes(); }
  /// Rows of the padded input that `count` rows of the output read.
  size_t rowsFor(size_t count) const {
    return (count - 1) * shape.strideH + size_t(shape.kernelH - 1) * shape.dilationH + 1;
  }

  /// offsets[steps()]: of a step's tiles behind those of a block's first row and step.
  void stepOffsets(size_t *offsets) const {
    for (size_t kh = 0; kh < shape.kernelH; ++kh)
      for (size_t step = 0; step < rowSteps; ++step)
        *offsets++ = kh * shape.dilationH * rowBytes() + step * limbs * tileBytes;
  }
  /// taps[steps() * 64]: an output channel's [inChannels][kernelH][kernelW] in the order of tiles.
  void orderTaps(const Word *weight, Word *taps) const {
    for (size_t kh = 0; kh < shape.kernelH; ++kh)
      for (size_t quad = 0; quad < rowSteps * tileRows; ++quad) {
        const size_t kw = quad / quads;
        for (size_t c = quad % quads * 4; c < quad % quads * 4 + 4; ++c)
          *taps++ = kw < shape.kernelW && c < shape.inChannels
                        ? weight[(c * shape.kernelH + kh) * shape.kernelW + kw]
                        : 0;
      }
  }

  /// What fill() needs for itself.
  size_t scratchBytes() const { return roundUp(limbs * quads * lineWords(), 16) * 4; }
  /// Before the first fill() of a convolution.
  void begin(void *scratch) {
    line = static_cast<uint32_t *>(scratch);
    std::memset(line, 0, scratchBytes()); // borders
  }

  /// Tiles of rows [first, first + count) of a padded image.
  void fill(const Word *image, size_t first, size_t count, uint8_t *tiles) const {
    for (size_t row = first; row < first + count; ++row, tiles += rowBytes())
      if (row < shape.padTop || row - shape.padTop >= shape.inH) {
        std::memset(tiles, 0, rowBytes());
      } else {
        splitRow(image + (row - shape.padTop) * shape.inW);
        copyColumns(tiles);
      }
  }

private:
  /// Of one limb of a quad in a row: as many as the last block's last column of taps reads.
  size_t lineWords() const {
    const size_t read =
        blocks * tileRows * shape.strideW + size_t(shape.kernelW - 1) * shape.dilationW;
    const size_t written = size_t(shape.padLeft) + shape.inW;
    return read > written ? read : written;
  }
  uint32_t *lineOf(size_t limb, size_t quad) const {
    return line + (limb * quads + quad) * lineWords();
  }

  /// A row of all channels of the input to `line`.
  void splitRow(const Word *row) const {
    const size_t plane = size_t(shape.inH) * shape.inW;
    for (size_t quad = 0; quad < quads; ++quad, row += 4 * plane) {
      const size_t left = shape.inChannels - 4 * quad, channels = left < 4 ? left : 4;
      uint32_t *out = lineOf(0, quad) + shape.padLeft;
      for (size_t x = 0; x < shape.inW; x += tileRows) {
        const uint32_t mask = shape.inW - x < tileRows ? (1u << (shape.inW - x)) - 1 : 0xffff;
        __m512i words[4][vectors];
        for (size_t c = 0; c < 4; ++c)
          for (unsigned v = 0; v < vectors; ++v)
            words[c][v] = c < channels ? Vector::loadMasked(_mm512_setzero_si512(),
                                                            mask >> v * lanes & ((1u << lanes) - 1),
                                                            row + c * plane + x + v * lanes)
                                       : _mm512_setzero_si512();
        limbQuad(limbs, words, [&](unsigned limb, __m512i bytes) {
          Simd512x32::storeMasked(out + limb * quads * lineWords() + x, mask, bytes);
        });
      }
    }
  }

  /// `line` to the tiles of a row.
  void copyColumns(uint8_t *tiles) const {
    const size_t words = lineWords();
    for (size_t block = 0; block < blocks; ++block, tiles += blockBytes()) {
      const uint32_t *from = line + block * tileRows * shape.strideW;
      uint8_t *step = tiles;
      size_t row = 0; // of the step
      auto store = [&](const auto &bytesOf) {
        for (size_t limb = 0; limb < limbs; ++limb)
          _mm512_store_si512(step + limb * tileBytes + row * tileDepth, bytesOf(limb));
        if (++row == tileRows) {
          row = 0;
          step += limbs * tileBytes;
        }
      };
      for (size_t kw = 0; kw < shape.kernelW; ++kw)
        for (size_t quad = 0; quad < quads; ++quad) {
          const uint32_t *at = from + kw * shape.dilationW + quad * words;
          store([&](size_t limb) { return column(at + limb * quads * words); });
        }
      while (row > 0)
        store([](size_t) { return _mm512_setzero_si512(); });
    }
  }
  /// 16 words, a stride apart.
  __m512i column(const uint32_t *at) const {
    if (shape.strideW == 1)
      return _mm512_loadu_si512(at);
    const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    if (shape.strideW == 2)
      return _mm512_permutex2var_epi32(_mm512_loadu_si512(at), _mm512_slli_epi32(lane, 1),
                                       _mm512_loadu_si512(at + 16));
    return _mm512_i32gather_epi32(
        _mm512_mullo_epi32(lane, _mm512_set1_epi32(static_cast<int>(shape.strideW))), at, 4);
  }

  const ConvShape &shape;
  const size_t quads;
  const unsigned limbs;
  const size_t rowSteps, blocks; ///< Of a row of taps; of a row of the output.
  uint32_t *line = nullptr;      ///< [limb][quad][lineWords()], zeros left and right.
};

} // namespace
} // namespace gfs
