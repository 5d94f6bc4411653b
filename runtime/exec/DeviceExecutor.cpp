// SPDX-License-Identifier: Apache-2.0
// What requests share on a GPU. The two walks over a program: DevicePrepare.cpp, DeviceRun.cpp.
#include "runtime/exec/DeviceExecutor.h"

#include "runtime/kernels/GpuHostArrays.h"

#include <algorithm>

namespace gfs {

gpu::Memory DevicePool::take() {
  {
    std::lock_guard lock(mutex);
    if (!free.empty()) {
      gpu::Memory memory = std::move(free.back());
      free.pop_back();
      return memory;
    }
  }
  return gpu::Memory(bytes);
}

void DevicePool::give(gpu::Memory memory) {
  std::lock_guard lock(mutex);
  free.push_back(std::move(memory));
}

namespace {

/// The weights that PartyExecutor packed with the GPU's kernels.
struct WeightsOnDevice final : device::DeviceWeights {
  explicit WeightsOnDevice(const ServerWeights &server) : server(server) {}
  static const gpu::ConvWeights *of(const WeightTable &table, uint32_t id) {
    const void *packed = table.packed(id);
    return packed ? &gpu::weightsOf(packed) : nullptr;
  }
  const gpu::ConvWeights *masked(uint32_t id) const override { return of(server.masked, id); }
  const gpu::ConvWeights *share(uint32_t id) const override { return of(server.share, id); }
  std::span<const std::byte> maskedBytes(uint32_t id) const override {
    return server.masked.bytes(id);
  }
  std::span<const std::byte> shareBytes(uint32_t id) const override {
    return server.share.bytes(id);
  }
  const ServerWeights &server;
};

} // namespace

std::unique_ptr<DeviceExecutor> DeviceExecutor::make(ProgramRef program,
                                                     const ServerWeights &weights, Party party) {
  std::unique_ptr<DeviceExecutor> made(new DeviceExecutor(std::move(program), weights, party));
  return made->program.complete() ? std::move(made) : nullptr;
}

DeviceExecutor::DeviceExecutor(ProgramRef code, const ServerWeights &weights, Party party)
    : party(party), constants(true),
      program(std::move(code), party, constants, WeightsOnDevice(weights)),
      preparedPool(std::make_shared<DevicePool>(program.sizes().prepared)),
      prepareLanes([this](uint32_t members) { return program.prepareLane(members); }),
      runLanes([this](uint32_t members) { return program.runLane(members); }) {}

uint32_t DeviceExecutor::mostTogether() const {
  constexpr uint64_t room = uint64_t(256) << 20, enough = 64;
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(room / program.prepareLane(1).deviceBytes(), 1, enough));
}

} // namespace gfs
