// SPDX-License-Identifier: Apache-2.0
// Where a group of requests lives while its launches run: device memory cut into the regions that
// tasks name (runtime/kernels/cuda/Arrays.h), pinned host memory and a queue. Preparing, running
// and dealing differ in their layout and in what they launch.
#pragma once

#include "runtime/gates/device/DeviceGate.h"

#include <functional>
#include <mutex>

namespace gfs {

/// The memory of a group of so many members, in bytes.
struct LaneLayout {
  struct Region {
    gpu::Region name;
    uint64_t bytes;
  };
  uint32_t members = 0;
  std::vector<Region> own; ///< Of each member. A region's parts lie one behind another.
  uint64_t together = 0;   ///< Region::Together, of all members.
  uint64_t pinned = 0;     ///< On the host, of all members.

  /// Device memory: all regions of all members, and the table that says where they are.
  uint64_t deviceBytes() const;
};

/// Launches that groups repeat, in parts. A recording names arrays of one lane and holds for one
/// number of members, so that the second group in a row of the same size is worth one.
class RepeatedLaunches {
public:
  /// Before a group: records launch(0) to launch(parts - 1) if that is worth it now.
  template <class Launch>
  void expect(uint32_t members, size_t parts, gpu::Queue &queue, Launch &&launch) {
    if (std::exchange(latest, members) != members)
      recordings.clear();
    else if (recordings.empty())
      for (size_t part = 0; part < parts; ++part)
        recordings.push_back(queue.record([&] { launch(part); }));
  }
  /// Replays launch(part) if it was recorded, or else calls it.
  template <class Launch> void run(size_t part, gpu::Queue &queue, Launch &&launch) const {
    if (recordings.empty())
      launch(part);
    else
      queue.replay(recordings[part]);
  }

private:
  uint32_t latest = 0; ///< Members of the latest group; 0: there was none.
  std::vector<gpu::Recording> recordings;
};

/// What one thread needs for groups of up to capacity() members, one group after another. Errors of
/// all methods: Device.
class DeviceLane {
public:
  explicit DeviceLane(const LaneLayout &layout);
  uint32_t capacity() const { return static_cast<uint32_t>(bases.size()); }

  /// Puts a region of a member into memory outside the lane, until it is placed again.
  void place(gpu::Region region, uint32_t member, const gpu::Memory &memory);
  /// Where an array of a member lies on the GPU.
  template <class T> uint8_t *at(const gpu::Array<T> &array, uint32_t member = 0) const {
    return reinterpret_cast<uint8_t *>(bases[member].of[static_cast<uint32_t>(array.region)] +
                                       array.offset);
  }
  void uploadKey(const AesKey &key, const gpu::Array<uint64_t> &to, uint32_t member);
  /// Before the launches of a group: brings its table of bases. Launches wait for all uploads so
  /// far.
  void begin(uint32_t members);
  /// For launches on the members that begin() was told.
  device::Launcher launcher() { return {work, {table, members}}; }
  /// After them: wipes the lane's device memory, and waits for all that is under way.
  void finish();

  gpu::Queue &queue() { return work; }
  RepeatedLaunches &repeated() { return launches; }
  /// Pinned host memory; not wiped from group to group.
  std::span<uint8_t> pinned() { return host.span(); }

private:
  std::vector<gpu::Bases> bases;
  gpu::Pinned host;
  gpu::Memory memory;
  const gpu::Bases *table; ///< In `memory`.
  uint32_t members = 0;
  gpu::Queue work; ///< Behind the memory, so that it waits before the memory goes.
  RepeatedLaunches launches;
};

/// Idle lanes of one kind, for all threads.
class LanePool {
public:
  explicit LanePool(std::function<LaneLayout(uint32_t members)> layout)
      : layout(std::move(layout)) {}
  /// A lane for groups of so many, for the caller alone. Errors: Device.
  std::unique_ptr<DeviceLane> take(uint32_t members);
  /// After DeviceLane::finish(); whatever failed takes its lane along.
  void give(std::unique_ptr<DeviceLane> lane);

private:
  const std::function<LaneLayout(uint32_t)> layout;
  std::mutex mutex;
  std::vector<std::unique_ptr<DeviceLane>> idle;
};

} // namespace gfs
