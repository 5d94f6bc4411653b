// SPDX-License-Identifier: Apache-2.0
// How tasks name arrays in device memory. A task says "the values of this step", not where they
// are: an Array is an offset into a region, and each member of a group of requests has its own base
// for each region. So one launch serves all members, and a launch that was recorded once serves
// every later request.
#pragma once

#include "runtime/kernels/cuda/Simt.h"

#include <type_traits>

namespace gfs::cuda {

enum class Region : uint32_t {
  Absolute, ///< Base 0: what all requests share, such as weights.
  Values,   ///< Shares and masked values.
  Prepared, ///< What was computed before the input.
  Masks,    ///< Shares of masks, while preparing.
  Messages, ///< What is sent and received.
  Client,   ///< Shares of inputs and outputs, packed.
  Scratch,  ///< Of one step.
  Together, ///< Scratch that the members use as one; the same base for all.
  EvenStep, ///< Material on its way, of steps with even numbers: the next step's is brought …
  OddStep,  ///< … while this one's is read.
  Records,  ///< What the dealer makes for both servers.
};
constexpr uint32_t regions = 11;

/// Where one member's regions are; addresses, as 0 is one of them.
struct Bases {
  uintptr_t of[regions];
};

/// One member of a group, as a task sees it.
struct Member {
  const Bases *bases;
  uint32_t number;
};

/// A group of requests that run together; `bases` is in device memory.
struct Group {
  const Bases *bases;
  uint32_t members;
};

template <class T> struct Array {
  Region region = Region::Absolute;
  uint64_t offset = 0; ///< In bytes; 0 in Absolute: no array.

  Array() = default;
  Array(Region region, uint64_t offset) : region(region), offset(offset) {}
  template <class Other>
    requires std::is_same_v<const Other, T>
  Array(Array<Other> other) : region(other.region), offset(other.offset) {}
  /// An array of device memory that all members share.
  static Array at(T *pointer) {
    return Array(Region::Absolute, static_cast<uint64_t>(reinterpret_cast<uintptr_t>(pointer)));
  }
  GFS_HOST_DEVICE bool exists() const { return region != Region::Absolute || offset != 0; }
  /// The array `count` elements further on.
  GFS_HOST_DEVICE Array behind(uint64_t count) const {
    Array next = *this;
    next.offset += count * sizeof(T);
    return next;
  }
  GFS_DEVICE T *of(const Bases &bases) const {
    return reinterpret_cast<T *>(bases.of[static_cast<uint32_t>(region)] +
                                 static_cast<uintptr_t>(offset));
  }
  GFS_DEVICE T *of(Member member) const { return of(*member.bases); }
  template <class Other> Array<Other> as() const { return {region, offset}; }
};

/// Arrays start at multiples of this, and may be written up to the next one.
constexpr uint64_t arrayAlignment = 64;
constexpr uint64_t paddedBytes(uint64_t bytes) {
  return (bytes + arrayAlignment - 1) / arrayAlignment * arrayAlignment;
}
template <class T> constexpr uint64_t arrayBytes(uint64_t count) {
  return paddedBytes(count * sizeof(T));
}

} // namespace gfs::cuda
