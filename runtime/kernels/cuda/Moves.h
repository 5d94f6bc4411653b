// SPDX-License-Identifier: Apache-2.0
// Kernels that move words and bytes, and those that add along windows or channels: the local gates,
// a convolution's constant, and messages on their way to and from the wire.
#pragma once

#include "runtime/kernels/cuda/Elements.h"

namespace gfs::cuda {

/// out = factor * in - subtrahend + bias of the channel, mod 2^bits. Planes are [image][channel].
template <class Word> struct BiasTask {
  unsigned bits;
  Word factor;
  Array<const Word> in, subtrahend, bias; ///< The latter two: none for zeros.
  uint64_t elements, channels, planeSize;
  Array<Word> out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    Word sum = factor * in.of(member)[i];
    if (subtrahend.exists())
      sum -= subtrahend.of(member)[i];
    if (bias.exists())
      sum += bias.of(member)[i / planeSize % channels];
    out.of(member)[i] = sum & lowBits<Word>(bits);
  }
};

/// Elements along an axis by their indices, which are part of the plan; negative: zeros.
template <class Word> struct TakeTask {
  uint64_t outer, size, inner, taken;
  Array<const int32_t> indices;
  Array<const Word> in;
  Array<Word> out;

  uint64_t count() const { return outer * taken * inner; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    const int32_t index = indices.of(member)[i / inner % taken];
    const uint64_t from = (i / inner / taken * size + static_cast<uint64_t>(index)) * inner;
    out.of(member)[i] = index < 0 ? Word(0) : in.of(member)[from + i % inner];
  }
};

/// One operand's runs of a concatenation: `run` words of every `pitch`, from `first` on.
template <class Word> struct ConcatTask {
  uint64_t outer, run, pitch, first;
  Array<const Word> in;
  Array<Word> out;

  uint64_t count() const { return outer * run; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    out.of(member)[i / run * pitch + first + i % run] = in.of(member)[i];
  }
};

/// Axes in another order. `axes` holds the result's sizes, then their steps in the operand.
template <class Word> struct TransposeTask {
  uint64_t elements;
  uint32_t rank;
  Array<const uint64_t> axes;
  Array<const Word> in;
  Array<Word> out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    const uint64_t *sizes = axes.of(member), *steps = sizes + rank;
    uint64_t left = i, from = 0;
    for (uint32_t d = rank; d-- > 0; left /= sizes[d])
      from += left % sizes[d] * steps[d];
    out.of(member)[i] = in.of(member)[from];
  }
};

/// One axis of a window; see SumPool.cpp.
struct PoolAxis {
  int64_t in, out, kernel, stride, dilation, pad;
  GFS_DEVICE int64_t position(int64_t output, int64_t k) const {
    return output * stride + k * dilation - pad;
  }
};

/// Sums over windows, mod 2^bits; positions outside the image count as zero.
template <class Word> struct SumPoolTask {
  unsigned bits;
  uint64_t planes;
  PoolAxis rows, columns;
  Array<const Word> in;
  Array<Word> out;

  uint64_t count() const { return planes * static_cast<uint64_t>(rows.out * columns.out); }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    const auto at = static_cast<int64_t>(i);
    const int64_t column = at % columns.out, row = at / columns.out % rows.out;
    const Word *plane = in.of(member) + at / columns.out / rows.out * rows.in * columns.in;
    Word sum = 0;
    for (int64_t kh = 0; kh < rows.kernel; ++kh)
      for (int64_t kw = 0; kw < columns.kernel; ++kw) {
        const int64_t y = rows.position(row, kh), x = columns.position(column, kw);
        if (y >= 0 && y < rows.in && x >= 0 && x < columns.in)
          sum += plane[y * columns.in + x];
      }
    out.of(member)[i] = sum & lowBits<Word>(bits);
  }
};

struct XorTask {
  Array<const uint8_t> first, second; ///< None: zeros.
  uint64_t bytes;
  Array<uint8_t> out; ///< May be an operand.

  uint64_t count() const { return bytes; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    unsigned byte = first.of(member)[i];
    if (second.exists())
      byte ^= second.of(member)[i];
    out.of(member)[i] = static_cast<uint8_t>(byte);
  }
};

/// Between a message's own place and the wire, where those of all members lie without gaps, member
/// after member, `pitch` bytes each.
struct WireTask {
  bool sends; ///< To the wire, or from it.
  uint64_t bytes, pitch;
  Array<uint8_t> message;
  Array<uint8_t> wire; ///< Of the first member; the same base for all.

  uint64_t count() const { return bytes; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    uint8_t *own = message.of(member) + i, *shared = wire.of(member) + member.number * pitch + i;
    if (sends)
      *shared = *own;
    else
      *own = *shared;
  }
};

} // namespace gfs::cuda
