// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/DeviceRegions.h"

#include <algorithm>

namespace gfs {

MaskPlaces::MaskPlaces(const Program &program)
    : of(static_cast<size_t>(program.plan().values_size())) {
  struct Block {
    uint64_t begin, end;
    uint32_t value;
  };
  std::vector<Block> taken; // by begin
  for (uint32_t step = 0; step < program.steps(); ++step) {
    if (program.hasResult(step) && program.masked(program.step(step).result())) {
      const uint32_t value = program.step(step).result();
      const uint64_t size = cuda::paddedBytes(program.valueBytes(value));
      uint64_t at = 0;
      auto next = taken.begin();
      for (; next != taken.end() && next->begin - at < size; ++next)
        at = next->end;
      taken.insert(next, {at, at + size, value});
      of[value] = gpu::Array<uint8_t>(gpu::Region::Masks, at);
      bytes = std::max(bytes, at + size);
    }
    for (uint32_t value : program.lastReadBy(step))
      std::erase_if(taken, [&](const Block &block) { return block.value == value; });
  }
}

uint64_t mostLimbBytes(const Program &program, uint32_t members) {
  uint64_t most = 0;
  for (uint32_t step = 0; step < program.steps(); ++step)
    if (const std::optional<WeightUse> use = program.gate(step).weightUse())
      most = std::max(most, gpu::limbBytes(use->shape, program.ring().wordBytes(), members));
  return most;
}

} // namespace gfs
