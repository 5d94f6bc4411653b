// SPDX-License-Identifier: Apache-2.0
// Ring convolution on a matrix unit that multiplies tiles of bytes (AMX): 16 pixels x 64 taps times
// 64 taps x 16 output channels, u8 x u8 into 32 bits.
//
// The algorithm is school multiplication in base 256. With x = sum_i x_i 2^{8i} and
// w = sum_j w_j 2^{8j},
//   sum over taps of x w = sum_d 2^{8d} S_d mod 2^l,   S_d = sum_{i+j=d} sum over taps of x_i w_j,
// and tiles sum x_i w_j. Where to read what: how the sum over taps is cut into steps of 64, and
// weights are packed, in TileLayout.h; words to limbs and sums to channels in TileTransforms.h; the
// products S_d in TileProduct.h, in the order of TileSchedule.h. Here: where activations come from.
// Split into limbs they are tiles [limb][pixel][64 bytes] of 16 consecutive pixels. With many
// channels those of a plane of the phase image (ConvGeometry.h) serve all kernel positions, each at
// its offset; with few, they are gathered for each block of pixels.
//
// `Tiles` is the unit: begin, end, zero<r>, load<r>, store<r>, multiply<sum, a, b>. Needs AVX-512
// for packing and folding. Compiled once per instruction set: internal linkage only.
#pragma once

#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/TileProduct.h"

namespace gfs {
namespace {

template <class Word, class Tiles> class TileConv {
  using Pixels = PixelVector<Word>;
  static constexpr unsigned lanes = Pixels::lanes, vectors = Pixels::halves;
  /// Of 16 pixels, for each visit to a block of weights.
  static constexpr size_t blocksAtATime = 8;

public:
  /// Whether tiles are worth it: they need pixels and channels to fill them.
  static bool suits(const ConvShape &shape) {
    const uint64_t pixels = uint64_t(shape.batch) * shape.outH * shape.outW;
    return shape.groups == 1 && pixels >= 8 && shape.outChannels >= 8 &&
           uint64_t(shape.inChannels) * shape.kernelH * shape.kernelW >= 16;
  }

  static size_t packedBytes(const ConvShape &shape) {
    return suits(shape) ? TileLayout<Word>(shape).packedBytes() : 0;
  }

  static void pack(const ConvShape &shape, const Word *weight, void *packed) {
    TileLayout<Word>(shape).packWeights(weight, static_cast<uint8_t *>(packed));
  }

  static void run(const ConvShape &shape, const Word *input, const void *packed, const Word *addend,
                  Word *output) {
    TileConv(shape, static_cast<const uint8_t *>(packed), addend, output).evaluate(input);
  }

private:
  /// 16 pixels: where their activations lie, and their place in the output of channel 0.
  struct Block {
    const uint8_t *tiles;
    PieceList out[vectors];
  };

  TileConv(const ConvShape &shape, const uint8_t *weights, const Word *addend, Word *output)
      : shape(shape), layout(shape), weights(weights), addend(addend), output(output) {}

  size_t outPlane() const { return size_t(shape.outH) * shape.outW; }
  const ConvGeometry &geometry() const { return layout.geometry; }

  void evaluate(const Word *input) {
    const size_t depth = geometry().depth(), images = geometry().batch;
    const size_t phaseBytes =
        geometry().isInput ? 0 : images * geometry().imageElements() * sizeof(Word);
    const size_t imageBytes =
        layout.channelBlocks() * geometry().phases * layout.limbs * layout.planeRows * tileDepth;
    const size_t gatheredBytes = blocksAtATime * layout.steps * layout.limbs * tileBytes;
    const size_t activationBytes = layout.byChannel ? imageBytes : gatheredBytes;
    const size_t offsetBytes = roundUp((depth + layout.steps) * sizeof(size_t), 64);
    auto *scratch = static_cast<uint8_t *>(
        kernelScratch(sizeof(Buffers) + activationBytes + offsetBytes + phaseBytes));
    buffers = reinterpret_cast<Buffers *>(scratch);
    activations = scratch + sizeof(Buffers);
    auto *offsets = reinterpret_cast<size_t *>(activations + activationBytes);
    geometry().tapOffsets(offsets);
    tapOffset = offsets;
    stepOffset = offsets + depth;
    phases = input;
    if (!geometry().isInput) {
      auto *image = reinterpret_cast<Word *>(activations + activationBytes + offsetBytes);
      geometry().fillPhases(input, image);
      phases = image;
    }
    Tiles::begin();
    if (layout.byChannel)
      for (size_t image = 0; image < images; ++image)
        convolveImage(image);
    else
      convolveGathered();
    Tiles::end();
  }

  // --- Many channels: planes of 64 channels, a kernel position is an offset ---

  void convolveImage(size_t image) {
    const size_t planeBytes = layout.planeRows * tileDepth;
    const Word *base = phases + image * geometry().imageElements();
    for (size_t block = 0; block < layout.channelBlocks(); ++block)
      for (size_t phase = 0; phase < geometry().phases; ++phase)
        packPlane(base + phase * geometry().planeElements, block * tileDepth,
                  activations + (block * geometry().phases + phase) * layout.limbs * planeBytes);
    for (size_t tap = 0; tap < layout.taps; ++tap) {
      // Of channel 0: its phase's plane, and the position in it.
      const size_t phase = tapOffset[tap] / geometry().planeElements,
                   position = tapOffset[tap] % geometry().planeElements;
      for (size_t block = 0; block < layout.channelBlocks(); ++block)
        stepOffset[tap * layout.channelBlocks() + block] =
            (block * geometry().phases + phase) * layout.limbs * planeBytes + position * tileDepth;
    }
    limbStride = planeBytes;

    const size_t row = geometry().rowElements(), positions = (shape.outH - 1) * row + shape.outW;
    for (size_t first = 0; first < positions; first += tileRows * blocksAtATime) {
      size_t count = 0;
      for (size_t q = first; count < blocksAtATime && q < positions; q += tileRows, ++count) {
        Block &block = buffers->blocks[count];
        block.tiles = activations + q * tileDepth;
        for (PieceList &list : block.out)
          list.count = 0;
        // Positions beyond a row's last pixel are computed, and not stored.
        for (unsigned j = 0; j < tileRows && q + j < positions; ++j)
          if ((q + j) % row < shape.outW)
            block.out[j / lanes].add(j % lanes, image * layout.outChannels * outPlane() +
                                                    (q + j) / row * shape.outW + (q + j) % row);
      }
      multiplyBlocks(count);
    }
  }

  /// One phase plane of 64 channels, from `firstChannel` on; channels past the end are zero.
  void packPlane(const Word *plane, size_t firstChannel, uint8_t *out) {
    const size_t elements = geometry().planeElements;
    for (size_t q = 0; q < elements; q += tileRows) {
      const uint32_t mask = elements - q >= tileRows ? 0xffffu : (1u << (elements - q)) - 1;
      buffers->limbTiles.pack(
          layout.limbs, out + q * tileDepth, layout.planeRows * tileDepth, [&](size_t channel) {
            Pixels pixels;
            __m512i words[vectors];
            const Word *at = plane + (firstChannel + channel) * geometry().channelElements() + q;
            for (unsigned v = 0; v < vectors; ++v)
              words[v] = firstChannel + channel < layout.channels
                             ? Pixels::loadMasked(_mm512_setzero_si512(),
                                                  mask >> (v * lanes) & laneMask, at + v * lanes)
                             : _mm512_setzero_si512();
            pixels.set(words);
            return pixels;
          });
    }
  }

  // --- Few channels: 64 taps at a time, gathered for each block of pixels ---

  void convolveGathered() {
    for (size_t step = 0; step < layout.steps; ++step)
      stepOffset[step] = step * layout.limbs * tileBytes;
    limbStride = tileBytes;
    const size_t pixels = geometry().pixels();
    for (size_t first = 0; first < pixels; first += tileRows * blocksAtATime) {
      size_t count = 0;
      for (size_t p = first; count < blocksAtATime && p < pixels; p += tileRows, ++count) {
        Block &block = buffers->blocks[count];
        uint8_t *tiles = activations + count * layout.steps * layout.limbs * tileBytes;
        block.tiles = tiles;
        gather(p, pixels - p < tileRows ? unsigned(pixels - p) : unsigned(tileRows), block, tiles);
      }
      multiplyBlocks(count);
    }
  }

  void gather(size_t firstPixel, unsigned pixels, Block &block, uint8_t *tiles) {
    PieceList in[vectors];
    for (unsigned v = 0; v < vectors; ++v)
      in[v].count = block.out[v].count = 0;
    for (unsigned j = 0; j < pixels; ++j) {
      const size_t n = (firstPixel + j) / outPlane(), inPlane = (firstPixel + j) % outPlane();
      in[j / lanes].add(j % lanes,
                        geometry().pixelOffset(n, inPlane / shape.outW, inPlane % shape.outW));
      block.out[j / lanes].add(j % lanes, n * layout.outChannels * outPlane() + inPlane);
    }
    const size_t depth = geometry().depth();
    for (size_t step = 0; step < layout.steps; ++step)
      buffers->limbTiles.pack(layout.limbs, tiles + stepOffset[step], tileBytes, [&](size_t tap) {
        const size_t k = step * tileDepth + tap;
        Pixels result;
        __m512i words[vectors];
        for (unsigned v = 0; v < vectors; ++v) {
          words[v] = _mm512_setzero_si512();
          for (uint32_t i = 0; k < depth && i < in[v].count; ++i)
            words[v] = Pixels::loadMasked(words[v], in[v].piece[i].mask,
                                          phases + tapOffset[k] + in[v].piece[i].offset);
        }
        result.set(words);
        return result;
      });
  }

  // --- Both ---

  /// All wanted output channels of `count` blocks of pixels.
  void multiplyBlocks(size_t count) {
    const size_t chunk = layout.stepsPerFold(shape.ringBits);
    for (size_t o = shape.firstChannel / tileRows; o * tileRows < shape.channelsEnd(); ++o)
      for (size_t b = 0; b < count; ++b) {
        const Block &block = buffers->blocks[b];
        buffers->product.multiply(layout, chunk, block.tiles, {stepOffset, limbStride},
                                  weights + layout.weightTile(o, 0, 0));
        storeBlock(block, o);
      }
  }

  void storeBlock(const Block &block, size_t outBlock) {
    ChannelColumns<Word> columns;
    buffers->product.columns(columns);
    const size_t first = outBlock * tileRows, end = shape.channelsEnd();
    for (size_t c = first < shape.firstChannel ? shape.firstChannel - first : 0;
         c < tileRows && first + c < end; ++c)
      for (unsigned v = 0; v < vectors; ++v)
        for (uint32_t i = 0; i < block.out[v].count; ++i) {
          const auto [offset, mask] = block.out[v].piece[i];
          const ptrdiff_t at = ptrdiff_t((first + c) * outPlane()) + offset;
          __m512i sum = columns[c][v];
          if (addend)
            sum = Pixels::add(sum, Pixels::loadMasked(_mm512_setzero_si512(), mask, addend + at));
          Pixels::storeMasked(output + at, mask, sum);
        }
  }

  static constexpr uint32_t laneMask = (1u << lanes) - 1;

  struct Buffers {
    TileProduct<Word, Tiles> product;
    LimbTiles<Word> limbTiles;
    Block blocks[blocksAtATime];
  };

  const ConvShape &shape;
  const TileLayout<Word> layout;
  const uint8_t *weights;
  const Word *addend;
  Word *output;
  Buffers *buffers = nullptr;
  uint8_t *activations = nullptr;
  const Word *phases = nullptr;
  const size_t *tapOffset = nullptr; ///< [depth]
  size_t *stepOffset = nullptr;      ///< [steps], bytes from a block's tiles to the step's
  size_t limbStride = 0;
};

} // namespace
} // namespace gfs
