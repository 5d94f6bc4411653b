// SPDX-License-Identifier: Apache-2.0
// Ring convolution on a matrix unit that multiplies tiles of bytes (AMX): 16 pixels x 64 taps times
// 64 taps x 16 output channels, u8 x u8 into 32 bits, limb product by limb product
// (TileSchedule.h).
//
// Activations are split into limb planes [limb][pixel][64 bytes], so that 16 consecutive pixels are
// one tile. A *step* is 64 taps of the sum. With many channels a step is 64 channels of one kernel
// position of the phase image (ConvGeometry.h), whose planes serve all kernel positions, each at
// its offset; with few channels, 64 consecutive (channel, kh, kw), gathered for each block of
// pixels.
//
// 32-bit accumulators: diagonal d counts mod 2^{l-8d}, so where l - 8d <= 32 they may overflow.
// Where not, S_d < 64 steps (d + 1) 255² must stay below 2^32; longer sums are folded in between.
//
// `Tiles` is the unit: begin, end, zero<r>, load<r>, store<r>, multiply<sum, a, b>. Needs AVX-512
// for packing and folding. Compiled once per instruction set: internal linkage only.
#pragma once

#include "runtime/kernels/ConvGeometry.h"
#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/TileSchedule.h"

#include <immintrin.h>

namespace gfs {
namespace {

constexpr size_t tileRows = 16, tileDepth = 64, tileBytes = tileRows * tileDepth;

constexpr size_t roundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

/// Transposes 16 rows of 16 words.
inline void transpose(__m512i (&v)[16]) {
  __m512i t[16];
  for (unsigned i = 0; i < 16; i += 4) { // 4 x 4 words within each 128 bits
    const __m512i a = _mm512_unpacklo_epi32(v[i], v[i + 1]),
                  b = _mm512_unpackhi_epi32(v[i], v[i + 1]),
                  c = _mm512_unpacklo_epi32(v[i + 2], v[i + 3]),
                  d = _mm512_unpackhi_epi32(v[i + 2], v[i + 3]);
    t[i] = _mm512_unpacklo_epi64(a, c);
    t[i + 1] = _mm512_unpackhi_epi64(a, c);
    t[i + 2] = _mm512_unpacklo_epi64(b, d);
    t[i + 3] = _mm512_unpackhi_epi64(b, d);
  }
  for (unsigned i = 0; i < 4; ++i) { // 4 x 4 blocks of 128 bits
    const __m512i a = _mm512_shuffle_i32x4(t[i], t[i + 4], 0x88),
                  b = _mm512_shuffle_i32x4(t[i], t[i + 4], 0xdd),
                  c = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0x88),
                  d = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0xdd);
    v[i] = _mm512_shuffle_i32x4(a, c, 0x88);
    v[i + 8] = _mm512_shuffle_i32x4(a, c, 0xdd);
    v[i + 4] = _mm512_shuffle_i32x4(b, d, 0x88);
    v[i + 12] = _mm512_shuffle_i32x4(b, d, 0xdd);
  }
}

/// Vectors of 16 pixels of one word each; the low and the high halves of 64-bit words apart.
template <class Word> struct PixelVector;

template <> struct PixelVector<uint32_t> {
  static constexpr unsigned halves = 1, lanes = 16;
  __m512i half[1];
  static __m512i loadMasked(__m512i v, uint32_t mask, const uint32_t *p) {
    return _mm512_mask_loadu_epi32(v, static_cast<__mmask16>(mask), p);
  }
  static void storeMasked(uint32_t *p, uint32_t mask, __m512i v) {
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(mask), v);
  }
  void set(const __m512i (&words)[1]) { half[0] = words[0]; }
};

template <> struct PixelVector<uint64_t> {
  static constexpr unsigned halves = 2, lanes = 8;
  __m512i half[2];
  static __m512i loadMasked(__m512i v, uint32_t mask, const uint64_t *p) {
    return _mm512_mask_loadu_epi64(v, static_cast<__mmask8>(mask), p);
  }
  static void storeMasked(uint64_t *p, uint32_t mask, __m512i v) {
    _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(mask), v);
  }
  void set(const __m512i (&words)[2]) {
    auto join = [](__m512i a, __m512i b) {
      return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi64_epi32(a)),
                                _mm512_cvtepi64_epi32(b), 1);
    };
    half[0] = join(words[0], words[1]);
    half[1] = join(_mm512_srli_epi64(words[0], 32), _mm512_srli_epi64(words[1], 32));
  }
};

/// How a convolution is cut into tiles.
template <class Word> struct TileLayout {
  static constexpr unsigned vectors = PixelVector<Word>::halves; ///< Of Word, in 16 pixels.

  explicit TileLayout(const ConvShape &shape)
      : geometry(shape), outChannels(shape.outChannels),
        taps(size_t(shape.kernelH) * shape.kernelW), channels(shape.inChannels) {
    constexpr unsigned least = sizeof(Word) == 4 ? 2 : 5, greatest = sizeof(Word);
    limbs = (shape.ringBits + 7) / 8;
    limbs = limbs < least ? least : limbs > greatest ? greatest : limbs;
    // Zero channels in a step are wasted work; gathering costs a pass over every tap.
    byChannel = channels % tileDepth == 0 || channels > 2 * tileDepth;
    steps = byChannel ? taps * channelBlocks() : roundUp(geometry.depth(), tileDepth) / tileDepth;
    outBlocks = roundUp(outChannels, tileRows) / tileRows;
    // Rows beyond the plane for a block's last pixels; the limbs of one pixel in different cache
    // sets.
    planeRows = roundUp(geometry.planeElements + tileRows, 64) + 16;
  }

  size_t channelBlocks() const { return roundUp(channels, tileDepth) / tileDepth; }
  size_t weightTile(size_t outBlock, size_t step, unsigned limb) const {
    return ((outBlock * steps + step) * limbs + limb) * tileBytes;
  }
  size_t packedBytes() const { return outBlocks * steps * limbs * tileBytes; }

  /// Steps after which a diagonal that must not overflow might.
  size_t stepsPerFold(uint32_t ringBits) const {
    const unsigned bits = ringBits < 8 * sizeof(Word) ? ringBits : 8 * sizeof(Word);
    if (bits <= 32)
      return steps;
    const size_t exactDiagonals = (bits - 32 + 7) / 8; // d with 8 d + 32 < l
    return 0xffffffffu / (255u * 255u * tileDepth * exactDiagonals);
  }

  ConvGeometry geometry;
  size_t outChannels, taps, channels;
  unsigned limbs;
  bool byChannel;
  size_t steps, outBlocks, planeRows;
};

template <class Word, class Tiles> class TileConv {
  using Pixels = PixelVector<Word>;
  static constexpr unsigned lanes = Pixels::lanes, vectors = Pixels::halves;
  static constexpr size_t blocksAtATime =
      8; ///< Of 16 pixels, for each visit to a block of weights.

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

  /// Weights [O][I][kh][kw] as tiles [block of 16 O][step][limb][16 rows of 4 taps][16 O][4 taps].
  static void pack(const ConvShape &shape, const Word *weight, void *packed) {
    const TileLayout<Word> layout(shape);
    auto *out = static_cast<uint8_t *>(packed);
    std::memset(out, 0, layout.packedBytes());
    const size_t depth = layout.geometry.depth();
    for (size_t o = 0; o < layout.outChannels; ++o)
      for (size_t k = 0; k < depth; ++k) {
        const size_t channel = k / layout.taps, tap = k % layout.taps;
        const size_t step = layout.byChannel ? tap * layout.channelBlocks() + channel / tileDepth
                                             : k / tileDepth,
                     at = layout.byChannel ? channel % tileDepth : k % tileDepth;
        const size_t place = at / 4 * tileDepth + o % tileRows * 4 + at % 4;
        const Word word = weight[o * depth + k];
        for (unsigned limb = 0; limb < layout.limbs; ++limb)
          out[layout.weightTile(o / tileRows, step, limb) + place] =
              static_cast<uint8_t>(word >> (8 * limb));
      }
  }

  static void run(const ConvShape &shape, const Word *input, const void *packed, Word *output) {
    TileConv(shape, static_cast<const uint8_t *>(packed), output).evaluate(input);
  }

private:
  /// 16 pixels: where their activations lie, and their place in the output of channel 0.
  struct Block {
    const uint8_t *tiles;
    PieceList out[vectors];
  };

  TileConv(const ConvShape &shape, const uint8_t *weights, Word *output)
      : shape(shape), layout(shape), weights(weights), output(output) {}

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

  // --- Many channels: planes of 64 channels, a kernel position is an offset --------------------

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
      packTiles(out + q * tileDepth, layout.planeRows * tileDepth, [&](size_t channel) {
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

  // --- Few channels: 64 taps at a time, gathered for each block of pixels ----------------------

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
      packTiles(tiles + stepOffset[step], tileBytes, [&](size_t tap) {
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

  // --- Words to limbs --------------------------------------------------------------------------

  /// 16 pixels of 64 taps as one tile per limb, `limbBytes` apart; `load(tap)` gives 16 pixels.
  template <class Load> void packTiles(uint8_t *out, size_t limbBytes, const Load &load) {
    __m512i(&quads)[8][16] = buffers->quads;
    for (unsigned quad = 0; quad < 16; ++quad) {
      const Pixels a = load(4 * quad), b = load(4 * quad + 1), c = load(4 * quad + 2),
                   d = load(4 * quad + 3);
      for (unsigned h = 0; h < vectors; ++h)
        bytesOf(a.half[h], b.half[h], c.half[h], d.half[h], quads[4 * h][quad],
                quads[4 * h + 1][quad], quads[4 * h + 2][quad], quads[4 * h + 3][quad]);
    }
    for (unsigned limb = 0; limb < layout.limbs; ++limb) {
      transpose(quads[limb]);
      for (unsigned row = 0; row < tileRows; ++row)
        _mm512_store_si512(out + limb * limbBytes + row * tileDepth, quads[limb][row]);
    }
  }

  /// byte i of a, b, c, d side by side in r_i, for each of 16 lanes of 32 bits.
  static void bytesOf(__m512i a, __m512i b, __m512i c, __m512i d, __m512i &r0, __m512i &r1,
                      __m512i &r2, __m512i &r3) {
    const __m512i evenBytes = _mm512_set1_epi32(0x00ff00ff), lowHalf = _mm512_set1_epi32(0xffff);
    auto even = [&](__m512i x, __m512i y) { // x0 y0 x2 y2
      return _mm512_or_si512(_mm512_and_si512(x, evenBytes),
                             _mm512_slli_epi32(_mm512_and_si512(y, evenBytes), 8));
    };
    auto odd = [&](__m512i x, __m512i y) { // x1 y1 x3 y3
      return _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi32(x, 8), evenBytes),
                             _mm512_andnot_si512(evenBytes, y));
    };
    auto low = [&](__m512i x, __m512i y) {
      return _mm512_or_si512(_mm512_and_si512(x, lowHalf), _mm512_slli_epi32(y, 16));
    };
    auto high = [&](__m512i x, __m512i y) {
      return _mm512_or_si512(_mm512_srli_epi32(x, 16), _mm512_andnot_si512(lowHalf, y));
    };
    const __m512i evenAb = even(a, b), evenCd = even(c, d), oddAb = odd(a, b), oddCd = odd(c, d);
    r0 = low(evenAb, evenCd);
    r1 = low(oddAb, oddCd);
    r2 = high(evenAb, evenCd);
    r3 = high(oddAb, oddCd);
  }

  // --- Products --------------------------------------------------------------------------------

  void multiplyBlocks(size_t count) {
    const size_t chunk = layout.stepsPerFold(shape.ringBits);
    for (size_t o = shape.firstChannel / tileRows; o * tileRows < shape.channelsEnd(); ++o)
      for (size_t b = 0; b < count; ++b) {
        for (size_t first = 0; first < layout.steps; first += chunk) {
          const size_t steps = layout.steps - first < chunk ? layout.steps - first : chunk;
          multiplyLimbs(buffers->blocks[b].tiles, o, first, steps, first == 0);
        }
        storeBlock(buffers->blocks[b], o);
      }
  }

  /// sums (+)= the products of `steps` steps, all diagonals.
  void multiplyLimbs(const uint8_t *tiles, size_t outBlock, size_t first, size_t steps,
                     bool overwrite) {
    const uint8_t *w = weights + layout.weightTile(outBlock, first, 0);
    const size_t *offset = stepOffset + first;
    auto pass = [&]<unsigned limbs, unsigned from, unsigned to>(bool fresh) {
      multiplyDiagonals<limbs, from, to>(tiles, w, offset, steps);
      fold<from, to>(fresh);
    };
    if constexpr (sizeof(Word) == 4) {
      if (layout.limbs == 2)
        pass.template operator()<2, 0, 1>(overwrite);
      else if (layout.limbs == 3)
        pass.template operator()<3, 0, 2>(overwrite);
      else
        pass.template operator()<4, 0, 3>(overwrite);
    } else if (layout.limbs == 5) {
      pass.template operator()<5, 0, 4>(overwrite);
    } else if (layout.limbs == 6) {
      pass.template operator()<6, 0, 5>(overwrite);
    } else if (layout.limbs == 7) {
      pass.template operator()<7, 0, 3>(overwrite);
      pass.template operator()<7, 4, 6>(false);
    } else {
      pass.template operator()<8, 0, 3>(overwrite);
      pass.template operator()<8, 4, 7>(false);
    }
  }

  template <unsigned limbs, unsigned from, unsigned to>
  void multiplyDiagonals(const uint8_t *tiles, const uint8_t *w, const size_t *offset,
                         size_t steps) {
    static constexpr TileSchedule<limbs, from, to> schedule;
    constexpr unsigned sums = to - from + 1;
    zeroTiles<0, sums>();
    for (size_t s = 0; s < steps; ++s, w += limbs * tileBytes)
      runStep<schedule, 0>(tiles + offset[s], w);
    storeTiles<0, sums>();
  }

  template <const auto &schedule, unsigned at>
  [[gnu::always_inline]] void runStep(const uint8_t *x, const uint8_t *w) const {
    if constexpr (at < schedule.count) {
      constexpr TileStep step = schedule.steps[at];
      if constexpr (!step.isLoad)
        Tiles::template multiply<step.sum, step.a, step.b>();
      else if constexpr (step.isWeight)
        Tiles::template load<step.a>(w + step.limb * tileBytes, tileDepth);
      else
        Tiles::template load<step.a>(x + step.limb * limbStride, tileDepth);
      runStep<schedule, at + 1>(x, w);
    }
  }

  template <unsigned at, unsigned end> static void zeroTiles() {
    if constexpr (at < end) {
      Tiles::template zero<at>();
      zeroTiles<at + 1, end>();
    }
  }

  template <unsigned at, unsigned end> void storeTiles() {
    if constexpr (at < end) {
      Tiles::template store<at>(buffers->products[at], tileDepth);
      storeTiles<at + 1, end>();
    }
  }

  /// sums (+)= sum of 2^{8d} S_d over the diagonals that are stored.
  template <unsigned from, unsigned to> void fold(bool overwrite) {
    for (unsigned row = 0; row < tileRows; ++row) {
      Word *sum = buffers->sums[row];
      for (unsigned v = 0; v < vectors; ++v) {
        __m512i total = overwrite ? _mm512_setzero_si512() : _mm512_load_si512(sum + v * lanes);
        for (unsigned d = from; d <= to; ++d) {
          const uint32_t *product = buffers->products[d - from] + row * tileRows + v * lanes;
          if constexpr (sizeof(Word) == 4)
            total = _mm512_add_epi32(total, _mm512_slli_epi32(_mm512_load_si512(product), 8 * d));
          else
            total = _mm512_add_epi64(
                total, _mm512_slli_epi64(_mm512_cvtepu32_epi64(_mm256_load_si256(
                                             reinterpret_cast<const __m256i *>(product))),
                                         8 * d));
        }
        _mm512_store_si512(sum + v * lanes, total);
      }
    }
  }

  /// sums [pixel][channel] to the output's [channel][pixel].
  void storeBlock(const Block &block, size_t outBlock) {
    __m512i columns[tileRows][vectors];
    if constexpr (sizeof(Word) == 4) {
      __m512i rows[16];
      for (unsigned row = 0; row < tileRows; ++row)
        rows[row] = _mm512_load_si512(buffers->sums[row]);
      transpose(rows);
      for (unsigned c = 0; c < tileRows; ++c)
        columns[c][0] = rows[c];
    } else {
      // Four blocks of 8 x 8 words.
      for (unsigned v = 0; v < 2; ++v)
        for (unsigned half = 0; half < 2; ++half)
          transpose8(v, half, columns);
    }
    const size_t first = outBlock * tileRows, end = shape.channelsEnd();
    for (size_t c = first < shape.firstChannel ? shape.firstChannel - first : 0;
         c < tileRows && first + c < end; ++c)
      for (unsigned v = 0; v < vectors; ++v)
        for (uint32_t i = 0; i < block.out[v].count; ++i)
          Pixels::storeMasked(output + (first + c) * outPlane() + block.out[v].piece[i].offset,
                              block.out[v].piece[i].mask, columns[c][v]);
  }

  /// Pixels 8 v … 8 v + 7, channels 8 half … 8 half + 7.
  void transpose8(unsigned v, unsigned half, __m512i (&columns)[tileRows][vectors]) {
    __m512i r[8], t[8];
    for (unsigned i = 0; i < 8; ++i)
      r[i] = _mm512_load_si512(buffers->sums[8 * v + i] + 8 * half);
    for (unsigned i = 0; i < 8; i += 2) {
      t[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
      t[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
    }
    for (unsigned i = 0; i < 2; ++i) {
      const __m512i a = _mm512_shuffle_i64x2(t[i], t[i + 2], 0x88),
                    b = _mm512_shuffle_i64x2(t[i], t[i + 2], 0xdd),
                    c = _mm512_shuffle_i64x2(t[i + 4], t[i + 6], 0x88),
                    d = _mm512_shuffle_i64x2(t[i + 4], t[i + 6], 0xdd);
      columns[8 * half + i][v] = _mm512_shuffle_i64x2(a, c, 0x88);
      columns[8 * half + i + 4][v] = _mm512_shuffle_i64x2(a, c, 0xdd);
      columns[8 * half + i + 2][v] = _mm512_shuffle_i64x2(b, d, 0x88);
      columns[8 * half + i + 6][v] = _mm512_shuffle_i64x2(b, d, 0xdd);
    }
  }

  static constexpr uint32_t laneMask = (1u << lanes) - 1;

  struct Buffers {
    alignas(64) uint32_t products[8][tileRows * tileRows]; ///< S_d as 16 pixels x 16 channels.
    alignas(64) Word sums[tileRows][tileRows];
    __m512i quads[8][16];
    Block blocks[blocksAtATime];
  };

  const ConvShape &shape;
  const TileLayout<Word> layout;
  const uint8_t *weights;
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
