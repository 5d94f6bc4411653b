// SPDX-License-Identifier: Apache-2.0
// SumPool: sums over windows of an NCHW value; positions outside the image count as zero. Local
// (see LocalGate.h).
#include "runtime/gates/LocalGate.h"

#include <algorithm>

namespace gfs {

namespace {

/// Along one axis of the windows, for an element of the window: outputs [first, end) for which it
/// lies inside the image, and its place in the image for the first of these.
struct PoolTap {
  size_t first, end, at;
};

std::vector<PoolTap> poolTaps(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                              int64_t dilation, int64_t pad) {
  std::vector<PoolTap> taps;
  for (int64_t k = 0; k < kernel; ++k) {
    const int64_t base = k * dilation - pad; // its place for output 0
    const int64_t first = base >= 0 ? 0 : (-base + stride - 1) / stride,
                  end = base >= in ? 0 : std::min(out, (in - base + stride - 1) / stride);
    if (first < end)
      taps.push_back({static_cast<size_t>(first), static_cast<size_t>(end),
                      static_cast<size_t>(base + first * stride)});
  }
  return taps;
}

template <class Word> class SumPool final : public LocalGate<Word> {
public:
  explicit SumPool(const GateSite &site)
      : LocalGate<Word>(site, LocalWork::Computes, LocalReach::AnyElement) {
    const plan::SumPool &pool = site.step.sum_pool();
    const auto &from = site.operand(0).shape(), &to = site.result().shape();
    planes = from[0] * from[1];
    imageColumns = from[3];
    imageSize = from[2] * from[3];
    sumColumns = to[3];
    sumSize = to[2] * to[3];
    rowStride = pool.stride_h() * imageColumns;
    columnStride = pool.stride_w();
    auto size = [](uint64_t value) { return static_cast<int64_t>(value); };
    rowTaps = poolTaps(size(from[2]), size(to[2]), pool.kernel_h(), pool.stride_h(),
                       pool.dilation_h(), pool.pad_top());
    columnTaps = poolTaps(size(from[3]), size(to[3]), pool.kernel_w(), pool.stride_w(),
                          pool.dilation_w(), pool.pad_left());
  }

private:
  void apply(const RingKernels<Word> &, typename LocalGate<Word>::Operands in,
             std::span<Word> out) const override {
    std::fill(out.begin(), out.end(), Word(0));
    const Word *image = in[0].data();
    Word *sums = out.data();
    for (size_t plane = 0; plane < planes; ++plane, image += imageSize, sums += sumSize)
      for (const PoolTap &tap : rowTaps) {
        const Word *line = image + tap.at * imageColumns;
        for (size_t row = tap.first; row < tap.end; ++row, line += rowStride)
          addRow(line, sums + row * sumColumns);
      }
  }

  void addRow(const Word *line, Word *sums) const {
    for (const PoolTap &tap : columnTaps) {
      const Word *element = line + tap.at;
      for (size_t i = tap.first; i < tap.end; ++i, element += columnStride)
        sums[i] += *element;
    }
  }

  size_t planes = 0, imageColumns = 0, imageSize = 0, sumColumns = 0, sumSize = 0;
  size_t rowStride = 0, columnStride = 0; ///< In the image, from one sum to the next.
  std::vector<PoolTap> rowTaps, columnTaps;
};

} // namespace

GatePtr makeSumPool(const GateSite &site) { return makeForRing<SumPool>(site); }

} // namespace gfs
