// SPDX-License-Identifier: Apache-2.0
// Turns any convolution into one of stride 1 without borders, so that a tap is an offset into
// memory.
//
// The *phase image* holds, for each image and channel, one zero-padded plane per used residue of
// the tap position modulo the stride:
//   phase[n][c][f][y][x] = input[n][c][y * strideH + fh - padTop][x * strideW + fw - padLeft], 0
//   outside,
// where f runs over the used pairs (fh, fw). Output pixel (oh, ow) reads tap (kh, kw) at
//   y = oh + kh * dilationH / strideH,  x = ow + kw * dilationW / strideW  of the plane of the
//   tap's residues.
// With stride 1 and no padding that is the input itself, and nothing is copied.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/Kernels.h"

#include <cstring>
#include <numeric>

namespace gfs {
namespace {

/// One direction (height or width) of a convolution.
struct ConvAxis {
  uint32_t in, out, kernel, stride, dilation, pad;

  uint32_t tapResidue(uint32_t tap) const { return uint32_t(uint64_t(tap) * dilation % stride); }
  uint32_t tapOffset(uint32_t tap) const { return uint32_t(uint64_t(tap) * dilation / stride); }
  /// Length of a phase plane.
  uint32_t planeSize() const { return out + tapOffset(kernel - 1); }

  /// Taps t and t' have the same residue where the stride divides (t - t') dilation, so residues
  /// repeat after this many taps.
  uint32_t period() const { return stride / std::gcd(stride, dilation); }
  /// Index of the tap's residue among the residues in use, in order of first use.
  uint32_t phaseOf(uint32_t tap) const { return tap % period(); }
  bool isFirstUse(uint32_t tap) const { return tap < period(); }
  uint32_t phases() const { return kernel < period() ? kernel : period(); }
};

struct ConvGeometry {
  ConvAxis height, width;
  bool isInput; ///< The phase image is the input.
  uint32_t batch, channels, channelsPerGroup;
  size_t planeElements, phases; ///< From one phase plane to the next; planes per channel.
  /// Elements behind a phase plane that vectors may spoil.
  static constexpr size_t planeSlack = 15;

  explicit ConvGeometry(const ConvShape &s)
      : height{s.inH, s.outH, s.kernelH, s.strideH, s.dilationH, s.padTop},
        width{s.inW, s.outW, s.kernelW, s.strideW, s.dilationW, s.padLeft}, batch(s.batch),
        channels(s.inChannels), channelsPerGroup(s.inChannels / s.groups) {
    // A window that ends at the border exactly; else the plane would leave the input.
    isInput = s.strideH == 1 && s.strideW == 1 && s.padTop == 0 && s.padLeft == 0 &&
              height.planeSize() <= s.inH && width.planeSize() <= s.inW;
    planeElements = isInput ? size_t(s.inH) * s.inW
                            : size_t(height.planeSize()) * width.planeSize() + planeSlack;
    phases = isInput ? 1 : size_t(height.phases()) * width.phases();
  }

  size_t rowElements() const { return isInput ? width.in : width.planeSize(); }
  size_t channelElements() const { return phases * planeElements; }
  size_t imageElements() const { return channels * channelElements(); }
  size_t depth() const { return size_t(channelsPerGroup) * height.kernel * width.kernel; }
  /// Output pixels of the whole batch; pixel p is (n, oh, ow) in row-major order.
  size_t pixels() const { return size_t(batch) * height.out * width.out; }

  /// Offset of output pixel (n, oh, ow) in the phase image.
  size_t pixelOffset(size_t n, size_t oh, size_t ow) const {
    return n * imageElements() + oh * rowElements() + ow;
  }

  /// offsets[k] for k = (channel in the group, kh, kw): where the tap lies relative to the pixel
  /// and the group.
  void tapOffsets(size_t *offsets) const {
    const uint32_t phasesW = isInput ? 1 : width.phases();
    for (uint32_t c = 0; c < channelsPerGroup; ++c)
      for (uint32_t kh = 0; kh < height.kernel; ++kh)
        for (uint32_t kw = 0; kw < width.kernel; ++kw) {
          size_t first =
              c > 0 ? offsets[-ptrdiff_t(size_t(height.kernel) * width.kernel)] + channelElements()
                    : (size_t(height.phaseOf(kh)) * phasesW + width.phaseOf(kw)) * planeElements +
                          height.tapOffset(kh) * rowElements() + width.tapOffset(kw);
          *offsets++ = first;
        }
  }

  template <class Word> void fillPhases(const Word *input, Word *out) const {
    const size_t inPlane = size_t(height.in) * width.in;
    for (size_t plane = 0; plane < size_t(batch) * channels; ++plane, input += inPlane)
      for (uint32_t kh = 0; kh < height.kernel; ++kh)
        for (uint32_t kw = 0; kw < width.kernel; ++kw)
          if (height.isFirstUse(kh) && width.isFirstUse(kw)) {
            fillPlane(input, height.tapResidue(kh), width.tapResidue(kw), out);
            out += planeElements;
          }
  }

private:
  template <class Word>
  void fillPlane(const Word *input, uint32_t residueH, uint32_t residueW, Word *out) const {
    // Columns [begin, end) of the plane lie inside the input.
    const int64_t columns = width.planeSize(), shift = int64_t(residueW) - width.pad,
                  stride = width.stride;
    int64_t begin = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
    int64_t end =
        int64_t(width.in) <= shift ? 0 : (int64_t(width.in) - shift + stride - 1) / stride;
    begin = begin < columns ? begin : columns;
    end = end < columns ? end : columns;
    end = end > begin ? end : begin;
    for (int64_t y = 0; y < int64_t(height.planeSize()); ++y, out += columns) {
      const int64_t row = y * height.stride + residueH - height.pad;
      if (row < 0 || row >= int64_t(height.in)) {
        std::memset(out, 0, size_t(columns) * sizeof(Word));
        continue;
      }
      const Word *in = input + row * width.in + shift;
      std::memset(out, 0, size_t(begin) * sizeof(Word));
      if (stride == 1)
        std::memcpy(out + begin, in + begin, size_t(end - begin) * sizeof(Word));
      else
        for (int64_t x = begin; x < end; ++x)
          out[x] = in[x * stride];
      std::memset(out + end, 0, size_t(columns - end) * sizeof(Word));
    }
  }
};

/// Lanes of a vector of pixels that lie next to each other: lane j at base[offset + j] for each j
/// in `mask`.
struct Piece {
  ptrdiff_t offset;
  uint32_t mask;
};

/// The pieces of one vector of pixels; at most one per lane.
struct PieceList {
  Piece piece[16];
  uint32_t count;

  void clear() {
    count = 0;
    piece[0].mask = 0;
  }
  /// Adds lane `lane` at `offset`; lanes come in order.
  void add(uint32_t lane, size_t offset) {
    const ptrdiff_t shifted = ptrdiff_t(offset) - ptrdiff_t(lane);
    if (count > 0 && piece[count - 1].offset == shifted)
      piece[count - 1].mask |= 1u << lane;
    else
      piece[count++] = {shifted, 1u << lane};
  }
};

/// A vector of pixels, its pieces gathered.
template <class Simd>
typename Simd::Vector loadPieces(const typename Simd::Word *base, const PieceList &list) {
  constexpr uint32_t all = (1u << Simd::lanes) - 1;
  if (list.piece[0].mask == all)
    return Simd::load(base + list.piece[0].offset);
  typename Simd::Vector v = Simd::zero();
  for (uint32_t i = 0; i < list.count; ++i)
    v = Simd::loadMasked(v, list.piece[i].mask, base + list.piece[i].offset);
  return v;
}

/// Writes a vector of pixels to its pieces, plus those of `addend`, which may be null.
template <class Simd>
void storePieces(typename Simd::Word *base, const typename Simd::Word *addend,
                 const PieceList &list, typename Simd::Vector v) {
  constexpr uint32_t all = (1u << Simd::lanes) - 1;
  for (uint32_t i = 0; i < list.count; ++i) {
    const auto [offset, mask] = list.piece[i];
    if (mask == all)
      Simd::store(base + offset, addend ? Simd::add(v, Simd::load(addend + offset)) : v);
    else
      Simd::storeMasked(base + offset, mask,
                        addend ? Simd::add(v, Simd::loadMasked(Simd::zero(), mask, addend + offset))
                               : v);
  }
}

/// Where up to `most` vectors of pixels, one behind the other, lie in the phase image, and in
/// channel 0 of the output.
template <uint32_t lanes, uint32_t most> struct PixelPanel {
  PieceList in[most], out[most];
  uint32_t vectors; ///< In use; the others have no pieces.

  void locate(const ConvGeometry &geometry, uint32_t outChannels, size_t firstPixel) {
    const uint32_t outH = geometry.height.out, outW = geometry.width.out;
    const size_t outPlane = size_t(outH) * outW, left = geometry.pixels() - firstPixel;
    const uint32_t pixels = left < most * lanes ? uint32_t(left) : most * lanes;
    vectors = (pixels + lanes - 1) / lanes;
    size_t n = firstPixel / outPlane, inPlane = firstPixel % outPlane;
    size_t oh = inPlane / outW, ow = inPlane % outW;
    for (uint32_t v = 0; v < most; ++v) {
      in[v].clear();
      out[v].clear();
    }
    for (uint32_t j = 0; j < pixels; ++j) {
      in[j / lanes].add(j % lanes, geometry.pixelOffset(n, oh, ow));
      out[j / lanes].add(j % lanes, n * outChannels * outPlane + oh * outW + ow);
      if (++ow == outW) {
        ow = 0;
        if (++oh == outH) {
          oh = 0;
          ++n;
        }
      }
    }
  }
};

} // namespace
} // namespace gfs
