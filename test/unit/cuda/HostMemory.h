// SPDX-License-Identifier: Apache-2.0
// Device memory of the emulated device: pages that nobody can touch unless device code runs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <sys/mman.h>

namespace gfs::cuda {

class HostMemory {
public:
  struct Error {
    std::string message;
  };
  static constexpr uint64_t capacity = uint64_t(1) << 30;

  static HostMemory &shared() {
    static HostMemory memory;
    return memory;
  }

  /// Lives while device code runs. Several threads may have one at a time.
  class Access {
  public:
    Access() { shared().enter(); }
    ~Access() { shared().leave(); }
    Access(const Access &) = delete;
    Access &operator=(const Access &) = delete;
  };

  /// 256-byte aligned as cudaMalloc's, full of rubbish.
  void *allocate(uint64_t bytes) {
    const uint64_t whole = (bytes + guard + 255) / 256 * 256;
    std::lock_guard lock(mutex);
    uint64_t at = 0; // the first gap that is wide enough
    for (const auto &[offset, size] : blocks) {
      if (offset - at >= whole)
        break;
      at = offset + size;
    }
    if (at + whole > capacity)
      throw Error{"out of memory"};
    blocks.emplace(at, whole);
    sizes[at] = bytes;
    open();
    std::memset(base + at, 0xa5, whole);
    close();
    return base + at;
  }

  void release(void *memory) {
    std::lock_guard lock(mutex);
    const auto at = static_cast<uint64_t>(static_cast<uint8_t *>(memory) - base);
    open();
    for (uint64_t i = at + sizes.at(at); i < at + blocks.at(at); ++i)
      if (base[i] != 0xa5) {
        std::fprintf(stderr, "device code wrote past the end of its memory\n");
        std::abort();
      }
    close();
    blocks.erase(at);
    sizes.erase(at);
  }

  /// Without guards.
  uint64_t free() {
    std::lock_guard lock(mutex);
    uint64_t used = 0;
    for (const auto &[offset, size] : sizes)
      used += size;
    return capacity - used;
  }

private:
  static constexpr uint64_t guard = 64;

  HostMemory()
      : base(static_cast<uint8_t *>(mmap(nullptr, capacity, PROT_NONE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    if (base == MAP_FAILED)
      std::abort();
  }

  void enter() {
    std::lock_guard lock(mutex);
    open();
  }
  void leave() {
    std::lock_guard lock(mutex);
    close();
  }
  void open() {
    if (users++ == 0)
      mprotect(base, capacity, PROT_READ | PROT_WRITE);
  }
  void close() {
    if (--users == 0)
      mprotect(base, capacity, PROT_NONE);
  }

  uint8_t *base;
  std::mutex mutex;
  unsigned users = 0;
  std::map<uint64_t, uint64_t> blocks, sizes; ///< By offset; with the guard, and without.
};

} // namespace gfs::cuda
