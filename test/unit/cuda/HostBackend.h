// SPDX-License-Identifier: Apache-2.0
// A device that is the CPU, for Session.h and LibraryTable.h.
#pragma once

#include "runtime/kernels/cuda/CudaLibrary.h"
#include "test/unit/cuda/HostBlock.h"

#include <cstdio>
#include <string>

namespace gfs::cuda {

class HostBackend {
public:
  /// Device memory: 256-byte aligned as cudaMalloc's, full of rubbish, and with a guard behind it.
  class Memory {
  public:
    Memory(HostBackend &, uint64_t bytes)
        : bytes(bytes), block(static_cast<uint8_t *>(
                            std::aligned_alloc(256, (bytes + guard + 255) / 256 * 256))) {
      std::memset(block, 0xa5, bytes + guard);
    }
    ~Memory() {
      for (uint64_t i = bytes; i < bytes + guard; ++i)
        if (block[i] != 0xa5) {
          std::fprintf(stderr, "device code wrote past the end of its memory\n");
          std::abort();
        }
      std::free(block);
    }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;
    uint8_t *data() { return block; }
    const uint8_t *data() const { return block; }
    uint64_t size() const { return bytes; }

  private:
    static constexpr uint64_t guard = 64;
    uint64_t bytes;
    uint8_t *block;
  };

  struct Error {
    std::string message;
  };
  static int countDevices() { return 1; }
  static DeviceDescription describe(int) {
    return {"emulated on this CPU", 9, 0, uint64_t(1) << 30, uint64_t(1) << 30};
  }
  explicit HostBackend(int) {}

  void upload(void *to, const void *from, uint64_t bytes) { std::memcpy(to, from, bytes); }
  void download(void *to, const void *from, uint64_t bytes) { std::memcpy(to, from, bytes); }
  void adopt() {}
  void finish() {}
  template <class Task> void forEach(const Task &task) {
    const uint64_t count = task.count();
    const ThreadOrder order = nextOrder();
    for (uint64_t i = 0; i < count; ++i)
      task(order == ThreadOrder::Ascending ? i : count - 1 - i);
  }
  template <class Kernel> void run(const Kernel &kernel) {
    runGrid<Kernel::threads>(kernel.gridX(), kernel.gridY(), kernel.gridZ(), Kernel::sharedBytes,
                             nextOrder(), kernel);
  }

private:
  /// Launches take turns.
  ThreadOrder nextOrder() {
    return launches++ % 2 ? ThreadOrder::Descending : ThreadOrder::Ascending;
  }
  unsigned launches = 0;
};

} // namespace gfs::cuda
