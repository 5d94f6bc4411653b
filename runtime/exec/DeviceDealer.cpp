// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/DeviceDealer.h"

#include "runtime/base/Error.h"
#include "runtime/exec/DeviceRegions.h"
#include "runtime/kernels/GpuHostArrays.h"

namespace gfs {

using device::Launcher;
using gpu::Bases;
using gpu::Region;

/// The weights that the dealer packed with the GPU's kernels.
struct DeviceDealer::Weights final : device::DealWeights {
  explicit Weights(const WeightTable &table) : table(table) {}
  const gpu::ConvWeights *packed(uint32_t id) const override {
    return &gpu::weightsOf(table.packed(id));
  }
  const WeightTable &table;
};

/// What one thread needs to deal groups of up to `capacity` records.
struct DeviceDealer::Lane {
  Lane(const DealProgram &program, uint32_t capacity)
      : capacity(capacity), memory(program.groupBytes(capacity)),
        pitch(cuda::paddedBytes(program.recordBytes())), dealt(capacity * pitch) {
    RegionCutter cutter(memory);
    records = cutter.cut(capacity * pitch);
    table = cutter.cut(capacity * sizeof(Bases));
    const uintptr_t together = cutter.cut(program.togetherBytes(capacity));
    for (uint32_t i = 0; i < capacity; ++i) {
      Bases &member = bases.emplace_back();
      baseOf(member, Region::Prepared) = cutter.cut(program.keyBytes());
      baseOf(member, Region::Masks) = cutter.cut(program.maskBytes());
      baseOf(member, Region::Scratch) = cutter.cut(program.scratchBytes());
      baseOf(member, Region::Together) = together;
      baseOf(member, Region::Records) = records + i * pitch;
    }
  }

  const uint32_t capacity;
  std::vector<Bases> bases;
  gpu::Memory memory;
  uintptr_t records = 0, table = 0;
  const uint64_t pitch;     ///< From one record to the next.
  gpu::Pinned dealt;        ///< The records of a group, as the GPU left them.
  gpu::Queue queue;         ///< Behind the memory, so that it waits before the memory goes.
  uint32_t members = 0;     ///< Of the latest group.
  gpu::Recording recording; ///< Of its launches, if it was not the first of its size.
};

std::unique_ptr<DeviceDealer> DeviceDealer::make(ProgramRef program, const WeightTable &weights) {
  std::unique_ptr<DeviceDealer> made(new DeviceDealer(std::move(program), weights));
  return made->program.complete() ? std::move(made) : nullptr;
}

DeviceDealer::DeviceDealer(ProgramRef code, const WeightTable &weights)
    : constants(true), program(std::move(code), constants, Weights(weights)) {}

DeviceDealer::~DeviceDealer() = default;

std::unique_ptr<DeviceDealer::Lane> DeviceDealer::takeLane(uint32_t members) const {
  std::lock_guard lock(mutex);
  for (auto lane = lanes.begin(); lane != lanes.end(); ++lane)
    if ((*lane)->capacity >= members) {
      std::unique_ptr<Lane> taken = std::move(*lane);
      lanes.erase(lane);
      return taken;
    }
  lanes.clear(); // smaller ones make room
  return std::make_unique<Lane>(program, members);
}

void DeviceDealer::deal(std::span<const std::array<AesKey, 2>> keys,
                        std::span<const RecordPair> records, ThreadPool *helpers) const {
  check(!keys.empty() && keys.size() == records.size() && keys.size() <= 65535,
        "1 to 65535 records at a time"); // the grid's limit
  const auto members = static_cast<uint32_t>(keys.size());
  std::unique_ptr<Lane> lane = takeLane(members);
  gpu::Queue &queue = lane->queue;
  for (uint32_t i = 0; i < members; ++i)
    for (Party party : {Party::Zero, Party::One})
      queue.upload(addressOf(program.roundKeys(party), lane->bases[i]),
                   keys[i][index(party)].rounds(), 176);
  queue.upload(reinterpret_cast<void *>(lane->table), lane->bases.data(), members * sizeof(Bases));
  queue.launchesWait();
  const Launcher launch{queue, {reinterpret_cast<const Bases *>(lane->table), members}};
  auto launchAll = [&] {
    for (Party party : {Party::Zero, Party::One})
      launch(cuda::SliceKeysTask{program.roundKeys(party), program.slicedKeys(party)});
    program.run(launch);
  };
  // A second group of the same size is worth a recording.
  const bool again = lane->members == members;
  lane->members = members;
  if (!again)
    lane->recording = gpu::Recording();
  else if (!lane->recording.get())
    lane->recording = queue.record(launchAll);
  if (again)
    queue.replay(lane->recording);
  else
    launchAll();

  const uint64_t pitch = lane->pitch;
  const std::span<uint8_t> dealt = lane->dealt.span().first(members * pitch);
  queue.get(dealt, reinterpret_cast<const void *>(lane->records));
  queue.wipe(lane->memory);
  queue.finish();
  auto gather = [&](uint64_t i) {
    program.gather(dealt.subspan(i * pitch, pitch), records[i][0], records[i][1]);
  };
  if (helpers)
    helpers->run(members, gather);
  else
    for (uint64_t i = 0; i < members; ++i)
      gather(i);
  std::lock_guard lock(mutex);
  lanes.push_back(std::move(lane));
}

} // namespace gfs
