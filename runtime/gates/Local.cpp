// SPDX-License-Identifier: Apache-2.0
// The element-wise and the moving local gates: Add, Sub, Scale, Take, Transpose, Concat.
#include "runtime/gates/AxisSplit.h"
#include "runtime/gates/LocalGate.h"

#include <algorithm>

namespace gfs {

namespace {

template <class Word> class Add final : public LocalGate<Word> {
public:
  explicit Add(const GateSite &site)
      : LocalGate<Word>(site, LocalWork::Computes, LocalReach::SameElement) {}

private:
  void apply(const RingKernels<Word> &kernels, typename LocalGate<Word>::Operands in,
             std::span<Word> out) const override {
    kernels.add(in[0].data(), in[1].data(), out.data(), out.size());
  }
};

template <class Word> class Sub final : public LocalGate<Word> {
public:
  explicit Sub(const GateSite &site)
      : LocalGate<Word>(site, LocalWork::Computes, LocalReach::SameElement) {}

private:
  void apply(const RingKernels<Word> &kernels, typename LocalGate<Word>::Operands in,
             std::span<Word> out) const override {
    kernels.sub(in[0].data(), in[1].data(), out.data(), out.size());
  }
};

template <class Word> class Scale final : public LocalGate<Word> {
public:
  explicit Scale(const GateSite &site)
      : LocalGate<Word>(site, LocalWork::Computes, LocalReach::SameElement),
        factor(static_cast<Word>(site.step.scale().factor())) {}

private:
  void apply(const RingKernels<Word> &kernels, typename LocalGate<Word>::Operands in,
             std::span<Word> out) const override {
    kernels.scale(in[0].data(), factor, out.data(), out.size());
  }

  Word factor;
};

template <class Word> class Take final : public LocalGate<Word> {
public:
  explicit Take(const GateSite &site)
      : LocalGate<Word>(site, LocalWork::Moves, LocalReach::AnyElement),
        axis(site.operand(0), site.step.take().axis()),
        indices(site.step.take().indices().begin(), site.step.take().indices().end()) {}

private:
  void apply(const RingKernels<Word> &, typename LocalGate<Word>::Operands in,
             std::span<Word> out) const override {
    Word *to = out.data();
    for (size_t outer = 0; outer < axis.outer; ++outer) {
      const Word *from = in[0].data() + outer * axis.size * axis.inner;
      if (axis.inner == 1) { // a call of memmove for each word takes several times as long
        for (int32_t index : indices)
          *to++ = index < 0 ? Word(0) : from[index];
        continue;
      }
      for (int32_t index : indices) {
        if (index < 0)
          std::fill_n(to, axis.inner, Word(0));
        else
          std::copy_n(from + static_cast<size_t>(index) * axis.inner, axis.inner, to);
        to += axis.inner;
      }
    }
  }

  AxisSplit axis;
  std::vector<int32_t> indices;
};

template <class Word> class Concat final : public LocalGate<Word> {
public:
  explicit Concat(const GateSite &site)
      : LocalGate<Word>(site, LocalWork::Moves, LocalReach::AnyElement) {
    for (int i = 0; i < site.step.operands_size(); ++i) {
      AxisSplit axis(site.operand(i), site.step.concat().axis());
      outer = axis.outer;
      runs.push_back(axis.size * axis.inner);
    }
  }

private:
  void apply(const RingKernels<Word> &, typename LocalGate<Word>::Operands in,
             std::span<Word> out) const override {
    Word *to = out.data();
    for (size_t o = 0; o < outer; ++o)
      for (size_t i = 0; i < runs.size(); ++i)
        to = std::copy_n(in[i].data() + o * runs[i], runs[i], to);
  }

  size_t outer = 1;
  std::vector<size_t> runs; ///< Contiguous elements of each operand.
};

template <class Word> class Transpose final : public LocalGate<Word> {
public:
  explicit Transpose(const GateSite &site)
      : LocalGate<Word>(site, LocalWork::Moves, LocalReach::AnyElement) {
    const auto &from = site.operand(0).shape();
    std::vector<size_t> strides(static_cast<size_t>(from.size()), 1);
    for (int d = from.size() - 1; d > 0; --d)
      strides[static_cast<size_t>(d) - 1] = strides[static_cast<size_t>(d)] * from[d];
    for (uint32_t axis : site.step.transpose().permutation()) {
      sizes.push_back(from[static_cast<int>(axis)]);
      steps.push_back(strides[axis]);
    }
    if (sizes.empty()) {
      sizes.push_back(1);
      steps.push_back(1);
    }
  }

private:
  void apply(const RingKernels<Word> &, typename LocalGate<Word>::Operands in,
             std::span<Word> out) const override {
    const size_t last = sizes.size() - 1, row = sizes[last], step = steps[last];
    std::vector<size_t> at(sizes.size(), 0);
    const Word *from = in[0].data();
    Word *to = out.data(), *end = to + out.size();
    while (to != end) {
      for (size_t i = 0; i < row; ++i)
        to[i] = from[i * step];
      to += row;
      // Next row, as an odometer counts.
      for (size_t d = last; d-- > 0;) {
        from += steps[d];
        if (++at[d] < sizes[d])
          break;
        from -= steps[d] * sizes[d];
        at[d] = 0;
      }
    }
  }

  std::vector<size_t> sizes, steps; ///< Of the result's axes; steps in the operand.
};

} // namespace

GatePtr makeAdd(const GateSite &site) { return makeForRing<Add>(site); }
GatePtr makeSub(const GateSite &site) { return makeForRing<Sub>(site); }
GatePtr makeScale(const GateSite &site) { return makeForRing<Scale>(site); }
GatePtr makeTake(const GateSite &site) { return makeForRing<Take>(site); }
GatePtr makeConcat(const GateSite &site) { return makeForRing<Concat>(site); }
GatePtr makeTranspose(const GateSite &site) { return makeForRing<Transpose>(site); }

} // namespace gfs
