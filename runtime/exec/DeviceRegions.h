// SPDX-License-Identifier: Apache-2.0
// What lies where in the regions of device memory. Not for use outside this folder.
#pragma once

#include "runtime/exec/Program.h"
#include "runtime/kernels/Gpu.h"

namespace gfs {

/// Words of one expanded key: 11 round keys of 16 bytes.
constexpr uint64_t roundKeyWords = 22;

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
