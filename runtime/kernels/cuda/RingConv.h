// SPDX-License-Identifier: Apache-2.0
// Ring convolution on a GPU: limb planes of the input, their implicit product with packed weights
// on int8 matrix units, and a plain kernel for depthwise and tiny shapes. Formulas: ConvLayout.h.
//
// The members of a group share one product: their images follow each other in the limb planes, as
// those of one batch.
#pragma once

#include "runtime/kernels/cuda/Arrays.h"
#include "runtime/kernels/cuda/ConvLayout.h"

namespace gfs::cuda {

/// Writes the limb planes of an input; channels past the last are zero. Thread `index` splits four
/// channels of one pixel; neighbours take neighbouring pixels, so that words are read in order.
template <class Word> struct SplitTask {
  ConvShape shape;   ///< Of one member.
  ConvLayout layout; ///< Of all members' images together.
  uint32_t members;
  Array<const Word> input; ///< [image][channel][y][x]
  Array<uint8_t> limbs;

  uint64_t count() const { return layout.planeBytes / 4 / members; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const uint64_t plane = uint64_t(shape.inH) * shape.inW;
    const uint64_t pixel = index % plane, rest = index / plane;
    const uint32_t quads = layout.channels / 4, perGroup = shape.inChannels / shape.groups;
    const auto first = static_cast<uint32_t>(rest % quads) * 4;
    const uint64_t image = rest / quads % shape.batch, group = rest / quads / shape.batch;
    const Word *from =
        input.of(member) + (image * shape.inChannels + group * perGroup + first) * plane + pixel;
    const uint64_t position =
        (group * members + member.number) * uint64_t(shape.batch) + image; // among all images
    Word word[4];
    GFS_UNROLL
    for (uint32_t c = 0; c < 4; ++c)
      word[c] = first + c < perGroup ? from[c * plane] : Word(0);
    uint8_t *out = limbs.of(member) + (position * plane + pixel) * layout.channels + first;
    for (uint32_t limb = 0; limb < layout.limbs; ++limb, out += layout.planeBytes) {
      uint32_t four = 0;
      GFS_UNROLL
      for (uint32_t c = 0; c < 4; ++c)
        four |= static_cast<uint32_t>(word[c] >> (8 * limb) & 0xff) << (8 * c);
      *reinterpret_cast<uint32_t *>(out) = four;
    }
  }
};

/// Packs weights as ConvLayout.h says; padding rows, channels and depth are zero. Thread `index`
/// writes four bytes. Branches on the shape only.
template <class Word> struct PackWeightsTask {
  ConvShape shape;
  ConvLayout layout;
  Array<const Word> weight; ///< [output channel][channel of the group][kernel row][kernel column]
  Array<uint8_t> packed;

  uint64_t count() const { return layout.weightBytes / 4; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    constexpr uint32_t quads = chunkDepth / 4;
    const auto inChunk = static_cast<uint32_t>(index % quads) * 4;
    const auto inBlock = static_cast<uint32_t>(index / quads % blockRows);
    uint64_t rest = index / quads / blockRows;
    const auto limb = static_cast<uint32_t>(rest % layout.limbs);
    rest /= layout.limbs;
    const auto chunk = static_cast<uint32_t>(rest % layout.chunks);
    rest /= layout.chunks;
    const uint64_t row = rest % layout.rowBlocks * blockRows + inBlock,
                   group = rest / layout.rowBlocks;
    const uint32_t perGroup = shape.inChannels / shape.groups, taps = shape.kernelH * shape.kernelW;
    uint32_t four = 0;
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t k = chunk * chunkDepth + inChunk + i, tap = k / layout.channels,
                     channel = k % layout.channels;
      if (row >= layout.rows || tap >= taps || channel >= perGroup)
        continue;
      const Word word =
          weight.of(member)[((group * layout.rows + row) * perGroup + channel) * taps + tap];
      four |= static_cast<uint32_t>(word >> (8 * limb) & 0xff) << (8 * i);
    }
    reinterpret_cast<uint32_t *>(packed.of(member))[index] = four;
  }
};

/// output = input * weights (+ addend, word by word) mod 2^{8 limbs}, for all members.
template <class Word> struct ConvTask {
  ConvShape shape;   ///< Of all members' images together.
  ConvLayout layout; ///< Likewise.
  uint32_t images;   ///< Of one member.
  const Bases *bases;
  Array<const uint8_t> limbs; ///< The same for all.
  const uint8_t *weights;
  Array<const Word> addend; ///< None, or as `output`.
  Array<Word> output;       ///< [image][channel][y][x]
};

/// The tile of one block: 64 output channels by tilePixels pixels, over warps of rows x 32.
template <uint32_t limbs> struct ConvTile {
  static constexpr uint32_t threads = 128;
  // Sums take limbs * warpRows registers; 128 leave room for operands.
  static constexpr uint32_t warpRows = limbs <= 4 ? 32 : 16, warpPixels = 32;
  static constexpr uint32_t rowWarps = blockRows / warpRows, pixelWarps = threads / 32 / rowWarps;
  static constexpr uint32_t tilePixels = warpPixels * pixelWarps;
  static constexpr uint32_t rowTiles = warpRows / 16, pixelTiles = warpPixels / 8;
  // Rows 48 bytes apart: the eight rows of a fragment load fall into different banks.
  static constexpr uint32_t pitch = 48;
  static constexpr uint32_t weightBytes = limbs * blockRows * pitch,
                            pixelBytes = limbs * tilePixels * pitch;
  static constexpr uint32_t stages = 2, stageBytes = weightBytes + pixelBytes;
  static constexpr uint32_t sharedBytes = stages * stageBytes;
};

/// The work of one block of a grid of (tiles of pixels, blocks of rows, groups).
template <class Word, uint32_t limbs, uint32_t pieceBytes, class Block> class RingConv {
  using Tile = ConvTile<limbs>;
  static constexpr uint32_t threads = Tile::threads;

  /// A pixel of the tile: its window's corner in the input, and the element of that corner.
  struct Pixel {
    int32_t y, x;
    int64_t element;
    bool exists;
  };
  struct Sums {
    uint32_t of[limbs][Tile::rowTiles][Tile::pixelTiles][4]; // by diagonal
  };
  struct WeightFragments {
    uint32_t of[limbs][Tile::rowTiles][4];
  };
  struct PixelFragments {
    uint32_t of[limbs][2];
  };

  Block &block;
  const ConvTask<Word> &task;
  uint8_t *const shared;
  typename Block::template Own<Pixel> pixel;
  typename Block::template Own<Sums> sums;
  typename Block::template Own<WeightFragments> weights;
  typename Block::template Own<PixelFragments> pixels;

public:
  GFS_DEVICE RingConv(Block &block, const ConvTask<Word> &task, uint8_t *shared)
      : block(block), task(task), shared(shared) {}

  GFS_DEVICE void run() {
    block.each([&](unsigned thread) { pixel[thread] = pixelOf(thread); });
    const uint32_t chunks = task.layout.chunks;
    load(0);
    for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
      if (chunk % foldChunks == 0)
        block.each([&](unsigned thread) { sums[thread] = Sums{}; });
      if (chunk + 1 < chunks)
        load(chunk + 1);
      else
        block.commitCopies(); // an empty group, so that the wait below means the same
      block.template waitForCopies<1>();
      block.barrier();
      multiply(shared + chunk % Tile::stages * Tile::stageBytes);
      block.barrier(); // the next load overwrites this stage
      if (chunk + 1 == chunks || (chunk + 1) % foldChunks == 0)
        store(chunk < foldChunks);
    }
  }

private:
  GFS_DEVICE uint64_t outPlane() const { return uint64_t(task.shape.outH) * task.shape.outW; }
  GFS_DEVICE uint64_t pixelCount() const { return task.shape.batch * outPlane(); }

  /// A thread always loads for the same pixel of the tile.
  GFS_DEVICE Pixel pixelOf(unsigned thread) const {
    const ConvShape &s = task.shape;
    const uint64_t number = uint64_t(block.x()) * Tile::tilePixels + thread % Tile::tilePixels;
    if (number >= pixelCount())
      return {0, 0, 0, false};
    const uint64_t inPlane = number % outPlane(), image = number / outPlane();
    const auto y =
        static_cast<int32_t>(inPlane / s.outW * s.strideH) - static_cast<int32_t>(s.padTop);
    const auto x =
        static_cast<int32_t>(inPlane % s.outW * s.strideW) - static_cast<int32_t>(s.padLeft);
    const auto first =
        static_cast<int64_t>((uint64_t(block.z()) * s.batch + image) * s.inH * s.inW);
    return {y, x, first + int64_t(y) * s.inW + x, true};
  }

  GFS_DEVICE void load(uint32_t chunk) {
    uint8_t *stage = shared + chunk % Tile::stages * Tile::stageBytes;
    block.each([&](unsigned thread) {
      loadWeights(chunk, thread, stage);
      loadPixels(chunk, thread, stage + Tile::weightBytes);
    });
    block.commitCopies();
  }

  GFS_DEVICE void loadWeights(uint32_t chunk, unsigned thread, uint8_t *to) {
    const uint8_t *from =
        task.weights +
        ((uint64_t(block.z()) * task.layout.rowBlocks + block.y()) * task.layout.chunks + chunk) *
            (limbs * blockRows * chunkDepth);
    constexpr uint32_t pieces = limbs * blockRows * chunkDepth / 16;
    GFS_UNROLL
    for (uint32_t i = 0; i < pieces / threads; ++i) {
      const uint32_t piece = i * threads + thread;
      block.template copyAsync<16>(to + piece / 2 * Tile::pitch + piece % 2 * 16, from + piece * 16,
                                   true);
    }
  }

  GFS_DEVICE void loadPixels(uint32_t chunk, unsigned thread, uint8_t *to) {
    const ConvShape &s = task.shape;
    const ConvLayout &layout = task.layout;
    constexpr uint32_t pieces = chunkDepth / pieceBytes, together = threads / Tile::tilePixels;
    const uint32_t column = thread % Tile::tilePixels;
    const Pixel at = pixel[thread];
    for (uint32_t piece = thread / Tile::tilePixels; piece < pieces; piece += together) {
      const uint32_t k = chunk * chunkDepth + piece * pieceBytes, tap = k / layout.channels;
      const uint32_t kernelY = tap / s.kernelW, kernelX = tap % s.kernelW;
      const int64_t dy = int64_t(kernelY) * s.dilationH, dx = int64_t(kernelX) * s.dilationW;
      const bool valid = at.exists && k < layout.depth && at.y + dy >= 0 && at.y + dy < s.inH &&
                         at.x + dx >= 0 && at.x + dx < s.inW;
      const int64_t offset = (at.element + dy * s.inW + dx) * layout.channels + k % layout.channels;
      const uint8_t *from = task.limbs.of(task.bases[0]) + (valid ? offset : 0);
      const uint64_t planeBytes = layout.planeBytes;
      GFS_UNROLL
      for (uint32_t limb = 0; limb < limbs; ++limb)
        block.template copyAsync<pieceBytes>(to + (limb * Tile::tilePixels + column) * Tile::pitch +
                                                 piece * pieceBytes,
                                             from + (valid ? limb * planeBytes : 0), valid);
    }
  }

  static GFS_DEVICE uint32_t word(const uint8_t *at) {
    return *reinterpret_cast<const uint32_t *>(at);
  }

  GFS_DEVICE void multiply(const uint8_t *stage) {
    block.each([&](unsigned thread) {
      const uint32_t lane = thread % 32, warp = thread / 32;
      const uint32_t row = warp % Tile::rowWarps * Tile::warpRows + lane / 4;
      GFS_UNROLL
      for (uint32_t limb = 0; limb < limbs; ++limb)
        GFS_UNROLL
      for (uint32_t m = 0; m < Tile::rowTiles; ++m) {
        const uint8_t *at = stage + (limb * blockRows + row + 16 * m) * Tile::pitch + lane % 4 * 4;
        uint32_t *a = weights[thread].of[limb][m];
        a[0] = word(at);
        a[1] = word(at + 8 * Tile::pitch);
        a[2] = word(at + 16);
        a[3] = word(at + 8 * Tile::pitch + 16);
      }
    });
    GFS_UNROLL
    for (uint32_t n = 0; n < Tile::pixelTiles; ++n) {
      block.each([&](unsigned thread) {
        const uint32_t lane = thread % 32, warp = thread / 32;
        const uint32_t column = warp / Tile::rowWarps * Tile::warpPixels + 8 * n + lane / 4;
        GFS_UNROLL
        for (uint32_t limb = 0; limb < limbs; ++limb) {
          const uint8_t *at = stage + Tile::weightBytes +
                              (limb * Tile::tilePixels + column) * Tile::pitch + lane % 4 * 4;
          pixels[thread].of[limb][0] = word(at);
          pixels[thread].of[limb][1] = word(at + 16);
        }
      });
      GFS_UNROLL
      for (uint32_t i = 0; i < limbs; ++i)
        GFS_UNROLL
      for (uint32_t j = 0; i + j < limbs; ++j)
        GFS_UNROLL
      for (uint32_t m = 0; m < Tile::rowTiles; ++m)
        block.multiplyAdd([&](unsigned thread) {
          return MmaFragments{sums[thread].of[i + j][m][n], weights[thread].of[j][m],
                              pixels[thread].of[i]};
        });
    }
  }

  /// Folds the diagonals and writes the tile, or adds to what an earlier part of the depth wrote.
  GFS_DEVICE void store(bool isFirst) {
    const ConvShape &s = task.shape;
    block.each([&](unsigned thread) {
      const uint32_t lane = thread % 32, warp = thread / 32;
      const uint32_t firstRow =
          block.y() * blockRows + warp % Tile::rowWarps * Tile::warpRows + lane / 4;
      const uint64_t firstPixel = uint64_t(block.x()) * Tile::tilePixels +
                                  warp / Tile::rowWarps * Tile::warpPixels + lane % 4 * 2;
      GFS_UNROLL
      for (uint32_t n = 0; n < Tile::pixelTiles; ++n)
        GFS_UNROLL
      for (uint32_t side = 0; side < 2; ++side) {
        const uint64_t number = firstPixel + 8 * n + side;
        if (number >= pixelCount())
          continue;
        const uint64_t image = number / outPlane();
        const Bases &bases = task.bases[image / task.images];
        Word *output = task.output.of(bases);
        const Word *addend = task.addend.of(bases);
        const uint64_t first =
            (image % task.images * s.outChannels + uint64_t(block.z()) * task.layout.rows) *
                outPlane() +
            number % outPlane();
        GFS_UNROLL
        for (uint32_t m = 0; m < 2 * Tile::rowTiles; ++m) {
          const uint32_t row = firstRow + 8 * m;
          if (row >= task.layout.rows)
            continue;
          const uint64_t at = first + row * outPlane();
          Word sum = isFirst ? (task.addend.exists() ? addend[at] : Word(0)) : output[at];
          GFS_UNROLL
          for (uint32_t d = 0; d < limbs; ++d)
            sum += static_cast<Word>(sums[thread].of[d][m / 2][n][m % 2 * 2 + side]) << (8 * d);
          output[at] = sum;
        }
      }
    });
  }
};

/// RingConv as something that can be launched.
template <class Word, uint32_t limbs, uint32_t pieceBytes> struct RingConvKernel {
  using Tile = ConvTile<limbs>;
  static constexpr uint32_t threads = Tile::threads, sharedBytes = Tile::sharedBytes;
  ConvTask<Word> task;

  uint64_t pixels() const { return uint64_t(task.shape.batch) * task.shape.outH * task.shape.outW; }
  uint32_t gridX() const {
    return static_cast<uint32_t>((pixels() + Tile::tilePixels - 1) / Tile::tilePixels);
  }
  uint32_t gridY() const { return task.layout.rowBlocks; }
  uint32_t gridZ() const { return task.shape.groups; }
  template <class Block> GFS_DEVICE void operator()(Block &block, uint8_t *shared) const {
    RingConv<Word, limbs, pieceBytes, Block>(block, task, shared).run();
  }
};

/// One thread per element of the output; words of the input and of the weights as they are.
template <class Word> struct DirectConvTask {
  ConvShape shape;
  Array<const Word> input, weight, addend; ///< `addend` none or as `output`.
  Array<Word> output;

  uint64_t count() const { return shape.outputElements(); }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const ConvShape &s = shape;
    const uint32_t perGroup = s.inChannels / s.groups;
    const auto ow = static_cast<uint32_t>(index % s.outW);
    const auto oh = static_cast<uint32_t>(index / s.outW % s.outH);
    const auto oc = static_cast<uint32_t>(index / s.outW / s.outH % s.outChannels);
    const uint64_t image = index / s.outW / s.outH / s.outChannels;
    const uint32_t firstChannel = oc / (s.outChannels / s.groups) * perGroup;
    const Word *w = weight.of(member) + uint64_t(oc) * perGroup * s.kernelH * s.kernelW;
    const Word *plane = input.of(member) + (image * s.inChannels + firstChannel) * s.inH * s.inW;
    Word sum = addend.exists() ? addend.of(member)[index] : Word(0);
    for (uint32_t c = 0; c < perGroup; ++c, plane += uint64_t(s.inH) * s.inW)
      for (uint32_t kh = 0; kh < s.kernelH; ++kh)
        for (uint32_t kw = 0; kw < s.kernelW; ++kw, ++w) {
          const int64_t y = int64_t(oh) * s.strideH + int64_t(kh) * s.dilationH - s.padTop;
          const int64_t x = int64_t(ow) * s.strideW + int64_t(kw) * s.dilationW - s.padLeft;
          if (y >= 0 && y < s.inH && x >= 0 && x < s.inW)
            sum += *w * plane[y * s.inW + x];
        }
    output.of(member)[index] = sum;
  }
};

} // namespace gfs::cuda
