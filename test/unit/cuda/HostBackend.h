// SPDX-License-Identifier: Apache-2.0
// A device that is the CPU, for LibraryTable.h; as unhelpful as a real one may be:
// - device memory can be touched by launches and copies alone: the host finds it unreadable;
// - nothing runs before somebody waits for it, and then the two streams of a queue run by turns
//   launches first or uploads first, as far as what they wait for allows;
// - threads of a launch run forwards or backwards by turns;
// - memory is full of rubbish, and writing past its end is found.
#pragma once

#include "runtime/kernels/cuda/CudaLibrary.h"
#include "test/unit/cuda/HostBlock.h"
#include "test/unit/cuda/HostMemory.h"

#include <array>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>

namespace gfs::cuda {

class HostQueue {
public:
  using Operation = std::function<void()>;
  using Operations = std::vector<Operation>;

  explicit HostQueue(int) {}
  ~HostQueue() { finish(); }
  HostQueue(const HostQueue &) = delete;
  HostQueue &operator=(const HostQueue &) = delete;

  void upload(void *to, const void *from, uint64_t bytes) {
    const auto *first = static_cast<const uint8_t *>(from);
    notRecording();
    append(uploads, [to, copy = std::vector<uint8_t>(first, first + bytes)] {
      if (!copy.empty())
        std::memcpy(to, copy.data(), copy.size());
    });
  }
  void launchesWait() { wait(launches, uploads); }
  void uploadsWait() { wait(uploads, launches); }
  void put(void *to, const void *from, uint64_t bytes) { copy(to, from, bytes); }
  void get(void *to, const void *from, uint64_t bytes) { copy(to, from, bytes); }

  void wipe(void *memory, uint64_t bytes) {
    notRecording();
    append(launches, [=] { std::memset(memory, 0, bytes); });
  }
  void finish() {
    notRecording();
    const HostMemory::Access access;
    const unsigned preferred = turns++ % 2;
    bool moved = true;
    while (moved) {
      moved = advance(streams[preferred]) || advance(streams[1 - preferred]);
    }
    if (!streams[0].waiting.empty() || !streams[1].waiting.empty())
      stuck();
  }

  void mark(uint32_t slot) {
    notRecording();
    if (marks.size() <= slot)
      marks.resize(slot + 1);
    ++marks[slot].ahead;
    append(launches, [this, slot] {
      --marks[slot].ahead;
      marks[slot].time = std::chrono::steady_clock::now();
    });
  }
  /// Runs no more than it must.
  void await(uint32_t slot) {
    notRecording();
    const HostMemory::Access access;
    const unsigned preferred = turns++ % 2;
    while (marks.at(slot).ahead > 0)
      if (!advance(streams[preferred], 1) && !advance(streams[1 - preferred], 1))
        stuck();
  }
  double secondsBetween(uint32_t first, uint32_t second) const {
    return std::chrono::duration<double>(marks.at(second).time - marks.at(first).time).count();
  }

  void beginRecording() { recording = std::make_unique<Operations>(); }
  Operations *endRecording() { return recording.release(); }
  void replay(const Operations &recorded) {
    for (const Operation &operation : recorded)
      append(launches, operation);
  }

  template <class Task> void forEach(const Task &task, const Group &group) {
    const bool backwards = launchCount++ % 2 != 0;
    enqueue([task, group, backwards] {
      const uint64_t count = task.count(), all = count * group.members;
      for (uint64_t n = 0; n < all; ++n) {
        const uint64_t i = backwards ? all - 1 - n : n;
        const auto member = static_cast<uint32_t>(i / count);
        task(i % count, Member{group.bases + member, member});
      }
    });
  }
  template <class Kernel> void run(const Kernel &kernel) {
    const ThreadOrder order = launchCount++ % 2 ? ThreadOrder::Descending : ThreadOrder::Ascending;
    enqueue([kernel, order] {
      runGrid<Kernel::threads>(kernel.gridX(), kernel.gridY(), kernel.gridZ(), Kernel::sharedBytes,
                               order, kernel);
    });
  }

private:
  /// Either an operation, or a wait until the other stream has done so many.
  struct Entry {
    Operation operation;
    uint64_t needs = 0;
  };
  struct Stream {
    std::deque<Entry> waiting;
    uint64_t appended = 0, done = 0;
  };

  [[noreturn]] static void stuck() {
    std::fprintf(stderr, "the streams of a queue wait for each other\n");
    std::abort();
  }
  /// Runs what may run, at most so many operations; false if nothing could.
  bool advance(Stream &stream, uint64_t most = UINT64_MAX) {
    Stream &other = &stream == &streams[0] ? streams[1] : streams[0];
    bool moved = false;
    for (; most > 0 && !stream.waiting.empty() && other.done >= stream.waiting.front().needs;
         moved = true, --most) {
      if (stream.waiting.front().operation)
        stream.waiting.front().operation();
      stream.waiting.pop_front();
      ++stream.done;
    }
    return moved;
  }
  void append(Stream &stream, Operation operation) {
    stream.waiting.push_back({std::move(operation), 0});
    ++stream.appended;
  }
  void wait(Stream &waiting, const Stream &first) {
    notRecording();
    waiting.waiting.push_back({nullptr, first.appended});
    ++waiting.appended;
  }
  void copy(void *to, const void *from, uint64_t bytes) {
    notRecording();
    append(launches, [=] {
      if (bytes > 0) // nothing may come from nowhere, as on a device
        std::memcpy(to, from, bytes);
    });
  }
  void enqueue(Operation operation) {
    if (recording)
      recording->push_back(std::move(operation));
    else
      append(launches, std::move(operation));
  }
  void notRecording() const {
    if (recording) {
      std::fprintf(stderr, "only launches can be recorded\n");
      std::abort();
    }
  }

  std::array<Stream, 2> streams;
  Stream &launches = streams[0], &uploads = streams[1];
  std::unique_ptr<Operations> recording;
  unsigned launchCount = 0, turns = 0;
  struct Mark {
    std::chrono::steady_clock::time_point time;
    unsigned ahead = 0; ///< Set so often and not yet come.
  };
  std::vector<Mark> marks;
};

struct HostBackend {
  using Error = HostMemory::Error;
  using Recording = HostQueue::Operations;
  using Queue = HostQueue;
  static int countDevices() { return 1; }
  static DeviceDescription describe(int) {
    return {"emulated on this CPU", 9, 0, HostMemory::capacity, HostMemory::shared().free()};
  }
  static void *allocate(int, uint64_t bytes) { return HostMemory::shared().allocate(bytes); }
  static void release(int, void *memory, uint64_t) { HostMemory::shared().release(memory); }
  static void *allocatePinned(int, uint64_t bytes) { return ::operator new(bytes); }
  static void releasePinned(int, void *memory, uint64_t) { ::operator delete(memory); }
};

} // namespace gfs::cuda
