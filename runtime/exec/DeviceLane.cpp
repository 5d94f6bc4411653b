// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/DeviceLane.h"

#include "runtime/base/Error.h"
#include "runtime/exec/DeviceRegions.h"

namespace gfs {

using cuda::paddedBytes;
using gpu::Bases;
using gpu::Region;

static uintptr_t addressOf(const gpu::Memory &memory) {
  return reinterpret_cast<uintptr_t>(memory.data());
}
static uintptr_t &baseOf(Bases &bases, Region region) {
  return bases.of[static_cast<uint32_t>(region)];
}

uint64_t LaneLayout::deviceBytes() const {
  uint64_t each = paddedBytes(sizeof(Bases));
  for (const Region &region : own)
    each += paddedBytes(region.bytes);
  return paddedBytes(together) + members * each;
}

DeviceLane::DeviceLane(const LaneLayout &layout)
    : bases(layout.members), host(layout.pinned), memory(layout.deviceBytes()) {
  uintptr_t next = addressOf(memory);
  auto cut = [&](uint64_t bytes) { return std::exchange(next, next + paddedBytes(bytes)); };
  const uintptr_t together = cut(layout.together);
  for (Bases &member : bases)
    baseOf(member, Region::Together) = together;
  for (const LaneLayout::Region &region : layout.own)
    for (Bases &member : bases)
      baseOf(member, region.name) = cut(region.bytes);
  table = reinterpret_cast<const Bases *>(cut(capacity() * sizeof(Bases)));
}

void DeviceLane::place(Region region, uint32_t member, const gpu::Memory &at) {
  baseOf(bases[member], region) = addressOf(at);
}

void DeviceLane::uploadKey(const AesKey &key, const gpu::Array<uint64_t> &to, uint32_t member) {
  work.upload(at(to, member), key.rounds(), roundKeyWords * sizeof(uint64_t));
}

void DeviceLane::begin(uint32_t count) {
  check(count > 0 && count <= capacity(), "a group larger than its lane");
  members = count;
  work.upload(const_cast<Bases *>(table), bases.data(), count * sizeof(Bases));
  work.launchesWait();
}

void DeviceLane::finish() {
  work.wipe(memory);
  work.finish();
}

std::unique_ptr<DeviceLane> LanePool::take(uint32_t members) {
  constexpr uint32_t most = 65535; // the grid's limit
  check(members > 0 && members <= most, "a group has 1 to 65535 members");
  std::lock_guard lock(mutex);
  for (auto lane = idle.begin(); lane != idle.end(); ++lane)
    if ((*lane)->capacity() >= members) {
      std::unique_ptr<DeviceLane> taken = std::move(*lane);
      idle.erase(lane);
      return taken;
    }
  idle.clear(); // smaller ones make room
  return std::make_unique<DeviceLane>(layout(members));
}

void LanePool::give(std::unique_ptr<DeviceLane> lane) {
  std::lock_guard lock(mutex);
  idle.push_back(std::move(lane));
}

} // namespace gfs
