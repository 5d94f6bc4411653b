// SPDX-License-Identifier: Apache-2.0
// SumPool: sums over windows of an NCHW value; positions outside the image count as zero. Local
// (see LocalGate.h).
#include "runtime/gates/LocalGate.h"

#include <algorithm>

namespace gfs {

namespace {

/// One axis of the windows.
struct PoolAxis {
  int64_t in, out, kernel, stride, dilation, pad;

  /// Outputs [first, end) whose window element `k` lies inside the image.
  std::pair<int64_t, int64_t> inside(int64_t k) const {
    int64_t base = k * dilation - pad; // input position of output 0
    int64_t first = base >= 0 ? 0 : (-base + stride - 1) / stride;
    int64_t end = base >= in ? 0 : (in - base + stride - 1) / stride;
    return {std::min(first, out), std::min(end, out)};
  }
  int64_t position(int64_t output, int64_t k) const { return output * stride + k * dilation - pad; }
};

template <class Word> class SumPool final : public LocalGate<Word> {
public:
  explicit SumPool(const GateSite &site)
      : LocalGate<Word>(site, LocalWork::Computes, LocalReach::AnyElement) {
    const plan::SumPool &pool = site.step.sum_pool();
    const auto &from = site.operand(0).shape(), &to = site.result().shape();
    planes = static_cast<int64_t>(from[0] * from[1]);
    auto size = [](uint64_t value) { return static_cast<int64_t>(value); };
    rows = {size(from[2]),   size(to[2]),       pool.kernel_h(),
            pool.stride_h(), pool.dilation_h(), pool.pad_top()};
    columns = {size(from[3]),   size(to[3]),       pool.kernel_w(),
               pool.stride_w(), pool.dilation_w(), pool.pad_left()};
  }

private:
  void apply(const RingKernels<Word> &, typename LocalGate<Word>::Operands in,
             std::span<Word> out) const override {
    std::fill(out.begin(), out.end(), Word(0));
    const Word *image = in[0].data();
    Word *sums = out.data();
    for (int64_t plane = 0; plane < planes;
         ++plane, image += rows.in * columns.in, sums += rows.out * columns.out)
      for (int64_t kh = 0; kh < rows.kernel; ++kh)
        for (auto [row, rowEnd] = rows.inside(kh); row < rowEnd; ++row)
          addRow(image + rows.position(row, kh) * columns.in, sums + row * columns.out);
  }

  void addRow(const Word *line, Word *sums) const {
    for (int64_t kw = 0; kw < columns.kernel; ++kw) {
      auto [first, end] = columns.inside(kw);
      for (int64_t i = first; i < end; ++i)
        sums[i] += line[columns.position(i, kw)];
    }
  }

  int64_t planes = 0;
  PoolAxis rows{}, columns{};
};

} // namespace

GatePtr makeSumPool(const GateSite &site) { return makeForRing<SumPool>(site); }

} // namespace gfs
