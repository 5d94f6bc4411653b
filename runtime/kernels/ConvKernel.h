// SPDX-License-Identifier: Apache-2.0
// Ring convolution for vector units: a blocked product of the weight matrix [outChannels][depth]
// with the matrix [depth][pixels] that ConvGeometry describes, never stored as a whole.
//
// `Simd` brings one instruction set and word (see Avx512.cpp): Word, Vector, Pixel, Weight, Sum;
// lanes; tileRows and tileVectors, the register tile; pairedRows, its rows where pairs of taps are
// multiplied (PairedProducts.h), 0 if that does not pay; loadPixel, broadcast, multiplyAdd,
// zeroSum, finish, load, loadMasked, store, storeMasked, deinterleave, add, sub, reduceAdd.
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/ConvGeometry.h"
#include "runtime/kernels/KernelVariants.h"
#include "runtime/kernels/PairedProducts.h"
#include "runtime/kernels/PhaseRows.h"

namespace gfs {
namespace {

template <class Simd> class ConvKernel {
  using Word = typename Simd::Word;
  using Vector = typename Simd::Vector;
  static constexpr uint32_t lanes = Simd::lanes;
  static constexpr uint32_t tileRows = Simd::tileRows;       // output channels of a register tile
  static constexpr uint32_t tileVectors = Simd::tileVectors; // vectors of pixels of a register tile
  static constexpr uint32_t panelPixels = lanes * tileVectors;
  static constexpr size_t panelBytes = 16 << 10; // half of a first cache of 32 KB
  static constexpr size_t panelWords = panelBytes / sizeof(Word);
  static constexpr size_t panelDepth = panelWords / panelPixels; // taps
  /// Panels that meet each block of weights one after the other. So planes of pixels are read and
  /// written in longer pieces, on fewer pages at a time; 64 KB, which the second cache holds.
  static constexpr uint32_t stripPanels = (64 << 10) / panelBytes;
  static constexpr uint32_t dotRows = 4, dotPixels = 4; // register tile of the dot-product form

  const ConvShape &shape;
  const ConvGeometry geometry;
  const Word *weight, *addend;
  Word *output;
  const Word *phases = nullptr;      // the phase image
  const size_t *tapOffset = nullptr; // [depth]
  Word *packed = nullptr;   // [panel][panelDepth][panelPixels], or columns [dotPixels][paddedDepth]
  Word *rowPairs = nullptr; // if paired: what pairs of weights add, [panel of taps][channel]

public:
  static void run(const ConvShape &shape, const Word *input, const Word *weight, const Word *addend,
                  Word *output) {
    if (shape.batch == 0 || shape.outChannels == 0 || shape.outH == 0 || shape.outW == 0)
      return;
    ConvKernel(shape, weight, addend, output).evaluate(input);
  }

private:
  ConvKernel(const ConvShape &shape, const Word *weight, const Word *addend, Word *output)
      : shape(shape), geometry(shape), weight(weight), addend(addend), output(output) {}

  size_t depth() const { return geometry.depth(); }
  size_t paddedDepth() const { return (depth() + lanes - 1) / lanes * lanes; }
  uint32_t rowsPerGroup() const { return shape.outChannels / shape.groups; }
  /// Calls work(group, first channel, channels) for each group with wanted output channels.
  template <class Work> void forWantedRows(const Work &work) const {
    for (uint32_t first = shape.firstChannel; first < shape.channelsEnd();) {
      const uint32_t group = first / rowsPerGroup(), groupEnd = (group + 1) * rowsPerGroup();
      const uint32_t end = groupEnd < shape.channelsEnd() ? groupEnd : shape.channelsEnd();
      work(group, first, end - first);
      first = end;
    }
  }
  const Word *groupImage(uint32_t group) const {
    return phases + size_t(group) * geometry.channelsPerGroup * geometry.channelElements();
  }
  size_t outPlane() const { return size_t(shape.outH) * shape.outW; }

  void evaluate(const Word *input) {
    const size_t phaseBytes =
        geometry.isInput ? 0 : geometry.batch * geometry.imageElements() * sizeof(Word);
    const size_t stripBytes = stripPanels * panelBytes,
                 columnBytes = dotPixels * paddedDepth() * sizeof(Word);
    const size_t bufferBytes = stripBytes > columnBytes ? stripBytes : columnBytes;
    const size_t offsetBytes = (depth() * sizeof(size_t) + 63) / 64 * 64;
    const size_t pairBytes =
        paired() ? (panelsDeep() * shape.outChannels * sizeof(Word) + 63) / 64 * 64 : 0;
    auto *scratch =
        static_cast<uint8_t *>(kernelScratch(bufferBytes + offsetBytes + pairBytes + phaseBytes));
    packed = reinterpret_cast<Word *>(scratch);
    auto *offsets = reinterpret_cast<size_t *>(scratch + bufferBytes);
    geometry.tapOffsets(offsets);
    tapOffset = offsets;
    if (paired())
      rowPairs = reinterpret_cast<Word *>(scratch + bufferBytes + offsetBytes);
    phases = input;
    if (!geometry.isInput) {
      auto *image = reinterpret_cast<Word *>(scratch + bufferBytes + offsetBytes + pairBytes);
      fillPhases<Simd>(geometry, input, image);
      phases = image;
    }
    // Few pixels would leave most lanes idle: vectorise along the depth instead.
    if (geometry.pixels() * 2 <= lanes)
      dotProducts();
    else
      for (size_t first = 0; first < geometry.pixels(); first += stripPanels * panelPixels)
        convolveStrip(first);
  }

  /// Pairs of weights are multiplied for all pixels, those of pixels for all channels of a group.
  /// With one panel of pixels, weights on their way from memory would be waited for, not computed
  /// with.
  bool paired() const {
    return Simd::pairedRows > 0 && geometry.pixels() > panelPixels && rowsPerGroup() > tileRows;
  }
  size_t panelsDeep() const { return (depth() + panelDepth - 1) / panelDepth; }

  // --- Many pixels: lanes are pixels
  // -----------------------------------------------------------------------------

  using Panel = PixelPanel<lanes, tileVectors>;

  void convolveStrip(size_t firstPixel) {
    Panel strip[stripPanels];
    uint32_t panels = 0;
    for (size_t first = firstPixel; panels < stripPanels && first < geometry.pixels();
         first += panelPixels)
      strip[panels++].locate(geometry, shape.outChannels, first);
    forWantedRows([&](uint32_t group, uint32_t firstRow, uint32_t rows) {
      const Word *image = groupImage(group);
      if (rows <= tileRows) // one pass over the pixels: packing them would not pay
        return rowBlocks<tileRows>(strip, panels, firstRow, rows, 0, depth(), [&](uint32_t i) {
          return DirectPixels{image, tapOffset, strip[i].in};
        });
      for (size_t k = 0; k < depth(); k += panelDepth) {
        const size_t taps = depth() - k < panelDepth ? depth() - k : panelDepth;
        packStrip(image, k, taps, strip, panels);
        if constexpr (Simd::pairedRows > 0)
          if (rowPairs) {
            PairedPixels paired[stripPanels];
            for (uint32_t i = 0; i < panels; ++i)
              paired[i] = pairPanel(i, k, taps, strip[i].vectors, firstPixel + i == 0);
            rowBlocks<Simd::pairedRows>(strip, panels, firstRow, rows, k, taps,
                                        [&](uint32_t i) { return paired[i]; });
            continue;
          }
        rowBlocks<tileRows>(strip, panels, firstRow, rows, k, taps,
                            [&](uint32_t i) { return PackedPixels{packed + i * panelWords}; });
      }
    });
  }

  void packStrip(const Word *image, size_t firstTap, size_t taps, const Panel *strip,
                 uint32_t panels) {
    for (size_t k = 0; k < taps; ++k)
      for (uint32_t i = 0; i < panels; ++i)
        for (uint32_t v = 0; v < strip[i].vectors; ++v)
          Simd::store(packed + i * panelWords + k * panelPixels + v * lanes,
                      loadPieces<Simd>(image + tapOffset[firstTap + k], strip[i].in[v]));
  }

  struct PackedPixels {
    static constexpr bool paired = false;
    const Word *panel;
    Vector load(size_t k, uint32_t v) const {
      return Simd::load(panel + k * panelPixels + v * lanes);
    }
  };
  struct PairedPixels : PackedPixels {
    static constexpr bool paired = true;
    Vector pairs[tileVectors]; // what pairs of the panel's pixels add
    Word *rowPairs;            // [channel], of the panel's taps
    bool pairsRows;            // whether rowPairs is to be filled
  };
  PairedPixels pairPanel(uint32_t panel, size_t firstTap, size_t taps, uint32_t vectors,
                         bool pairsRows) const {
    static_assert(panelDepth % 2 == 0, "pairs do not cross panels");
    PairedPixels pixels{{packed + panel * panelWords},
                        {},
                        rowPairs + firstTap / panelDepth * shape.outChannels,
                        pairsRows};
    for (uint32_t v = 0; v < vectors; ++v)
      pixels.pairs[v] = sumOfPairs<Simd>(taps, [&](size_t k) { return pixels.load(k, v); });
    return pixels;
  }
  struct DirectPixels {
    static constexpr bool paired = false;
    const Word *image;
    const size_t *tapOffset;
    const PieceList *pieces;
    Vector load(size_t k, uint32_t v) const {
      return loadPieces<Simd>(image + tapOffset[k], pieces[v]);
    }
  };

  /// Covers `rows` output channels with tiles of `tile` rows, the rest with tiles of half as many,
  /// and so on. pixelsOf(i): the pixels of panel i.
  template <uint32_t tile, class PixelsOf>
  void rowBlocks(const Panel *strip, uint32_t panels, uint32_t firstRow, uint32_t rows,
                 size_t firstTap, size_t taps, const PixelsOf &pixelsOf) {
    for (; rows >= tile; rows -= tile, firstRow += tile)
      for (uint32_t i = 0; i < panels; ++i)
        if (strip[i].vectors == tileVectors)
          multiplyTile<tile, tileVectors>(strip[i], firstRow, firstTap, taps, pixelsOf(i));
        else
          multiplyTile<tile, 1>(strip[i], firstRow, firstTap, taps, pixelsOf(i));
    if constexpr (tile > 1)
      if (rows > 0)
        rowBlocks<tile / 2>(strip, panels, firstRow, rows, firstTap, taps, pixelsOf);
  }

  template <uint32_t rows, uint32_t vectors, class Pixels>
  void multiplyTile(const Panel &p, uint32_t firstRow, size_t firstTap, size_t taps,
                    const Pixels &pixels) {
    const Word *w = weight + firstRow * depth() + firstTap;
    const size_t stride = depth();
    auto pixelAt = [&](size_t k, uint32_t v) { return pixels.load(k, v); };
    auto weightAt = [=](size_t k, uint32_t r) { return w + r * stride + k; };
    typename Simd::Sum sum[rows][vectors];
    if constexpr (Pixels::paired) {
      Word *rowPairs = pixels.rowPairs + firstRow;
      if (pixels.pairsRows) // while the weights are in cache
        for (uint32_t r = 0; r < rows; ++r)
          rowPairs[r] = sumOfWordPairs<Simd>(weightAt(0, r), taps);
      for (uint32_t r = 0; r < rows; ++r)
        for (uint32_t v = 0; v < vectors; ++v)
          sum[r][v] =
              Simd::sub(Simd::sub(Simd::zero(), Simd::broadcast(rowPairs + r)), pixels.pairs[v]);
      addPairedProducts<Simd>(sum, taps, pixelAt, weightAt);
    } else {
      for (uint32_t r = 0; r < rows; ++r)
        for (uint32_t v = 0; v < vectors; ++v)
          sum[r][v] = Simd::zeroSum();
      addProducts<Simd>(sum, taps, pixelAt, weightAt);
    }
    const Word *from = firstTap > 0 ? output : addend;
    for (uint32_t r = 0; r < rows; ++r) {
      const size_t plane = (firstRow + r) * outPlane();
      for (uint32_t v = 0; v < vectors; ++v)
        storePieces<Simd>(output + plane, from ? from + plane : nullptr, p.out[v],
                          Simd::finish(sum[r][v]));
    }
  }

  // --- Few pixels: lanes are taps
  // --------------------------------------------------------------------------------

  void dotProducts() {
    for (size_t first = 0; first < geometry.pixels(); first += dotPixels) {
      const size_t left = geometry.pixels() - first;
      const uint32_t pixels = left < dotPixels ? uint32_t(left) : dotPixels;
      forWantedRows([&](uint32_t group, uint32_t firstRow, uint32_t rows) {
        gatherColumns(groupImage(group), first, pixels);
        if (pixels == 1)
          dotRowBlocks<dotRows, 1>(firstRow, rows, first, pixels);
        else
          dotRowBlocks<dotRows, dotPixels>(firstRow, rows, first, pixels);
      });
    }
  }

  /// The columns of some pixels, zero beyond the depth and for pixels past the end.
  void gatherColumns(const Word *image, size_t firstPixel, uint32_t pixels) {
    std::memset(packed, 0, dotPixels * paddedDepth() * sizeof(Word));
    for (uint32_t j = 0; j < pixels; ++j) {
      const size_t n = (firstPixel + j) / outPlane(), inPlane = (firstPixel + j) % outPlane();
      const Word *base =
          image + geometry.pixelOffset(n, inPlane / shape.outW, inPlane % shape.outW);
      Word *column = packed + j * paddedDepth();
      for (size_t k = 0; k < depth(); ++k)
        column[k] = base[tapOffset[k]];
    }
  }

  template <uint32_t tile, uint32_t columns>
  void dotRowBlocks(uint32_t firstRow, uint32_t rows, size_t firstPixel, uint32_t pixels) {
    for (; rows >= tile; rows -= tile, firstRow += tile)
      dotTile<tile, columns>(firstRow, firstPixel, pixels);
    if constexpr (tile > 1)
      if (rows > 0)
        dotRowBlocks<tile / 2, columns>(firstRow, rows, firstPixel, pixels);
  }

  template <uint32_t rows, uint32_t columns>
  void dotTile(uint32_t firstRow, size_t firstPixel, uint32_t pixels) {
    typename Simd::Sum sum[rows][columns];
    for (uint32_t r = 0; r < rows; ++r)
      for (uint32_t c = 0; c < columns; ++c)
        sum[r][c] = Simd::zeroSum();
    const Word *w = weight + firstRow * depth();
    const size_t whole = depth() / lanes * lanes, stride = depth(), columnStride = paddedDepth();
    auto step = [&](size_t k, auto loadWeights) {
      typename Simd::Pixel pixel[columns];
      for (uint32_t c = 0; c < columns; ++c)
        pixel[c] = Simd::pixel(Simd::load(packed + c * columnStride + k));
      for (uint32_t r = 0; r < rows; ++r) {
        const typename Simd::Weight factor = Simd::weight(loadWeights(w + r * stride + k));
        for (uint32_t c = 0; c < columns; ++c)
          sum[r][c] = Simd::multiplyAdd(sum[r][c], pixel[c], factor);
      }
    };
    for (size_t k = 0; k < whole; k += lanes)
      step(k, [](const Word *at) { return Simd::load(at); });
    if (whole < depth()) {
      const uint32_t mask = (1u << (depth() - whole)) - 1;
      step(whole, [=](const Word *at) { return Simd::loadMasked(Simd::zero(), mask, at); });
    }
    for (uint32_t r = 0; r < rows; ++r)
      for (uint32_t c = 0; c < columns && c < pixels; ++c) {
        const size_t n = (firstPixel + c) / outPlane(), inPlane = (firstPixel + c) % outPlane();
        const size_t at = (n * shape.outChannels + firstRow + r) * outPlane() + inPlane;
        output[at] = Simd::reduceAdd(Simd::finish(sum[r][c])) + (addend ? addend[at] : 0);
      }
  }
};

} // namespace
} // namespace gfs
