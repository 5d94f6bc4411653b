// SPDX-License-Identifier: Apache-2.0
// One server's run of a plan on a GPU: the walks of PartyExecutor with every array in device
// memory. Host and GPU exchange material, client shares and messages, nothing else.
#pragma once

#include "runtime/exec/DeviceProgram.h"
#include "runtime/exec/RequestKeys.h"
#include "runtime/exec/Weights.h"
#include "runtime/net/Channel.h"

namespace gfs {

/// Device memory that requests use one after another.
class DevicePool {
public:
  explicit DevicePool(uint64_t bytes) : bytes(bytes) {}
  gpu::Memory take();
  /// `memory` was taken here, and wiped.
  void give(gpu::Memory memory);

private:
  const uint64_t bytes;
  std::mutex mutex;
  std::vector<gpu::Memory> free;
};

/// What a request has on the GPU before its input exists. Used once.
class DevicePrepared {
public:
  DevicePrepared(std::shared_ptr<DevicePool> pool, gpu::Memory memory)
      : pool(std::move(pool)), block(std::move(memory)) {}
  const gpu::Memory &memory() const { return block; }
  /// Gives the memory back, after it was wiped; else it is released.
  void recycle() { pool->give(std::move(block)); }

private:
  std::shared_ptr<DevicePool> pool;
  gpu::Memory block;
};

/// One request of a group; see PartyExecutor.h.
struct DeviceMember {
  const DevicePrepared *prepared;
  AesKey common;
  std::span<const SecretVector<uint8_t>> inputs;
};

/// What a run gives: output shares by member and port, and times.
struct DeviceRun {
  std::vector<std::vector<SecretVector<uint8_t>>> outputs;
  std::vector<double> stageSeconds;    ///< By stage: launches, and copies to and from the GPU.
  std::vector<double> exchangeSeconds; ///< By stage, in Channel::exchange().
  /// By step, on the GPU's clock, if asked for: its kernels, and what moves its messages between
  /// their places, the wire and the host.
  std::vector<double> computeSeconds, transferSeconds;
};

/// Methods may run at the same time on several threads.
class DeviceExecutor {
public:
  /// Null if a gate of the program has no form for a GPU. `weights` were packed by the GPU's
  /// kernels, and what these packed must outlive the executor. Errors: Device.
  static std::unique_ptr<DeviceExecutor> make(ProgramRef program, const ServerWeights &weights,
                                              Party party);

  /// A request with nothing prepared; `materialOf(step)`: the step's part of the record.
  struct Unprepared {
    const AesKey *key;
    std::function<std::span<const uint8_t>(uint32_t step)> materialOf;
  };
  /// All in the same launches; at most mostTogether(). Errors: Device.
  std::vector<DevicePrepared> prepare(std::span<const Unprepared> requests) const;
  /// As many as work fills a GPU with, and no more memory than 256 MiB beside theirs; at least 1.
  uint32_t mostTogether() const;
  /// Each member in one pass; messages as PartyExecutor::runGroup() sends them. Errors: Device, and
  /// those of Channel::exchange.
  /// `timed`: measures every step; launches are not replayed then.
  DeviceRun run(std::span<const DeviceMember> members, Channel &channel, bool timed = false) const;

private:
  DeviceExecutor(ProgramRef program, const ServerWeights &weights, Party party);

  const Party party;
  device::Constants constants;
  DeviceProgram program;
  std::shared_ptr<DevicePool> preparedPool;
  mutable LanePool prepareLanes, runLanes;
};

} // namespace gfs
