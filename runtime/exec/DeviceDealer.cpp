// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/DeviceDealer.h"

#include "runtime/base/Error.h"
#include "runtime/kernels/GpuHostArrays.h"

namespace gfs {

using device::Launcher;
using gpu::Region;

/// The weights that the dealer packed with the GPU's kernels.
struct DeviceDealer::Weights final : device::DealWeights {
  explicit Weights(const WeightTable &table) : table(table) {}
  const gpu::ConvWeights *packed(uint32_t id) const override {
    return &gpu::weightsOf(table.packed(id));
  }
  const WeightTable &table;
};

std::unique_ptr<DeviceDealer> DeviceDealer::make(ProgramRef program, const WeightTable &weights) {
  std::unique_ptr<DeviceDealer> made(new DeviceDealer(std::move(program), weights));
  return made->program.complete() ? std::move(made) : nullptr;
}

DeviceDealer::DeviceDealer(ProgramRef code, const WeightTable &weights)
    : constants(true), program(std::move(code), constants, Weights(weights)),
      lanes([this](uint32_t members) { return program.lane(members); }) {}

void DeviceDealer::deal(std::span<const std::array<AesKey, 2>> keys,
                        std::span<const RecordPair> records, ThreadPool *helpers) const {
  check(keys.size() == records.size(), "two keys for each record");
  const auto members = static_cast<uint32_t>(keys.size());
  std::unique_ptr<DeviceLane> lane = lanes.take(members);
  for (uint32_t i = 0; i < members; ++i)
    for (Party party : {Party::Zero, Party::One})
      lane->uploadKey(keys[i][index(party)], program.roundKeys(party), i);
  lane->begin(members);
  const Launcher launch = lane->launcher();
  auto launchAll = [&](size_t) {
    for (Party party : {Party::Zero, Party::One})
      launch(cuda::SliceKeysTask{program.roundKeys(party), program.slicedKeys(party)});
    program.run(launch);
  };
  lane->repeated().expect(members, 1, lane->queue(), launchAll);
  lane->repeated().run(0, lane->queue(), launchAll);

  const uint64_t pitch = program.recordPitch();
  const std::span<uint8_t> dealt = lane->pinned().first(members * pitch);
  lane->queue().get(dealt, lane->at(gpu::Array<uint8_t>(Region::Records, 0)));
  lane->finish();
  auto gather = [&](uint64_t i) {
    program.gather(dealt.subspan(i * pitch, pitch), records[i][0], records[i][1]);
  };
  if (helpers)
    helpers->run(members, gather);
  else
    for (uint64_t i = 0; i < members; ++i)
      gather(i);
  lanes.give(std::move(lane));
}

} // namespace gfs
