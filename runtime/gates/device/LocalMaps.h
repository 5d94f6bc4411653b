// SPDX-License-Identifier: Apache-2.0
// The local gates as tasks: linear maps without constants, which serve values, shares of masks, and
// the dealer's clear masks (runtime/gates/LocalGate.h).
#pragma once

#include "runtime/gates/AxisSplit.h"
#include "runtime/gates/device/DeviceGate.h"

namespace gfs::device {

template <class Word> using In = const std::vector<Array<const Word>> &;

template <class Word> struct CombinationMap {
  using Task = cuda::CombineTask<Word>;
  unsigned bits;
  Word first = 1, second = 0;
  uint64_t count;

  CombinationMap(const GateSite &site, Constants &)
      : bits(site.ring.bits), count(site.resultElements()) {
    if (site.step.has_scale())
      first = static_cast<Word>(site.step.scale().factor());
    else
      second = site.step.has_add() ? Word(1) : static_cast<Word>(-1);
  }
  std::vector<Task> tasks(In<Word> in, Array<Word> out) const {
    return {
        Task{bits, in[0], in.size() > 1 ? in[1] : Array<const Word>(), first, second, count, out}};
  }
};

template <class Word> struct TakeMap {
  using Task = cuda::TakeTask<Word>;
  AxisSplit axis;
  uint64_t taken;
  Array<const int32_t> indices;

  TakeMap(const GateSite &site, Constants &constants)
      : axis(site.operand(0), site.step.take().axis()),
        taken(static_cast<uint64_t>(site.step.take().indices_size())),
        indices(constants.add(std::vector<int32_t>(site.step.take().indices().begin(),
                                                   site.step.take().indices().end()))) {}
  std::vector<Task> tasks(In<Word> in, Array<Word> out) const {
    return {Task{axis.outer, axis.size, axis.inner, taken, indices, in[0], out}};
  }
};

template <class Word> struct ConcatMap {
  using Task = cuda::ConcatTask<Word>;
  uint64_t outer = 1, pitch = 0;
  std::vector<uint64_t> runs;

  ConcatMap(const GateSite &site, Constants &) {
    for (int i = 0; i < site.step.operands_size(); ++i) {
      const AxisSplit axis(site.operand(i), site.step.concat().axis());
      outer = axis.outer;
      runs.push_back(axis.size * axis.inner);
      pitch += runs.back();
    }
  }
  std::vector<Task> tasks(In<Word> in, Array<Word> out) const {
    std::vector<Task> made;
    uint64_t first = 0;
    for (size_t i = 0; i < runs.size(); first += runs[i++])
      made.push_back({outer, runs[i], pitch, first, in[i], out});
    return made;
  }
};

template <class Word> struct TransposeMap {
  using Task = cuda::TransposeTask<Word>;
  uint64_t count;
  uint32_t rank;
  Array<const uint64_t> axes;

  TransposeMap(const GateSite &site, Constants &constants) : count(site.resultElements()) {
    const auto &from = site.operand(0).shape();
    std::vector<uint64_t> strides(static_cast<size_t>(from.size()), 1), sizes, steps;
    for (int d = from.size() - 1; d > 0; --d)
      strides[static_cast<size_t>(d) - 1] = strides[static_cast<size_t>(d)] * from[d];
    for (uint32_t axis : site.step.transpose().permutation()) {
      sizes.push_back(from[static_cast<int>(axis)]);
      steps.push_back(strides[axis]);
    }
    rank = static_cast<uint32_t>(sizes.size());
    sizes.insert(sizes.end(), steps.begin(), steps.end());
    axes = constants.add(sizes);
  }
  std::vector<Task> tasks(In<Word> in, Array<Word> out) const {
    return {Task{count, rank, axes, in[0], out}};
  }
};

template <class Word> struct SumPoolMap {
  using Task = cuda::SumPoolTask<Word>;
  Task task;

  SumPoolMap(const GateSite &site, Constants &) {
    const plan::SumPool &pool = site.step.sum_pool();
    const auto &from = site.operand(0).shape(), &to = site.result().shape();
    auto size = [](uint64_t value) { return static_cast<int64_t>(value); };
    task = {site.ring.bits,
            from[0] * from[1],
            {size(from[2]), size(to[2]), pool.kernel_h(), pool.stride_h(), pool.dilation_h(),
             pool.pad_top()},
            {size(from[3]), size(to[3]), pool.kernel_w(), pool.stride_w(), pool.dilation_w(),
             pool.pad_left()},
            {},
            {}};
  }
  std::vector<Task> tasks(In<Word> in, Array<Word> out) const {
    Task made = task;
    made.in = in[0];
    made.out = out;
    return {made};
  }
};

} // namespace gfs::device
