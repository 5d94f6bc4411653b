// SPDX-License-Identifier: Apache-2.0
// Regions of requests in device memory: where they begin, and where masks lie in theirs. Not for
// use outside this folder.
#pragma once

#include "runtime/exec/Program.h"
#include "runtime/kernels/Gpu.h"

#include <mutex>

namespace gfs {

inline uintptr_t addressOf(const gpu::Memory &memory) {
  return reinterpret_cast<uintptr_t>(memory.data());
}
inline uintptr_t &baseOf(gpu::Bases &bases, gpu::Region region) {
  return bases.of[static_cast<uint32_t>(region)];
}
template <class T> uint8_t *addressOf(const gpu::Array<T> &array, gpu::Bases &bases) {
  return reinterpret_cast<uint8_t *>(baseOf(bases, array.region) + array.offset);
}

/// Device memory cut into regions.
class RegionCutter {
public:
  explicit RegionCutter(const gpu::Memory &memory) : next(addressOf(memory)) {}
  uintptr_t cut(uint64_t bytes) {
    const uintptr_t part = next;
    next += cuda::paddedBytes(bytes);
    return part;
  }

private:
  uintptr_t next;
};

/// Places of masks in Region::Masks, by value (of values that are not masked: nowhere), and the
/// bytes of all: first fit, by lifetime in program order.
struct MaskPlaces {
  explicit MaskPlaces(const Program &program);
  std::vector<gpu::Array<uint8_t>> of;
  uint64_t bytes = 0;
};

/// Limb planes of the largest convolution of `members` requests.
uint64_t mostLimbBytes(const Program &program, uint32_t members);

} // namespace gfs
