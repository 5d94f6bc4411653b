// SPDX-License-Identifier: Apache-2.0
// Memory of secrets that is given back to be used again. Every request needs the same blocks of
// some hundred kilobytes; fetching them from the system costs a page fault per 4 KiB, a third of a
// server's processor time before there was this pool.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <vector>

namespace gfs {

/// Free blocks of a process, by size class. Blocks are 64-byte aligned, those of 2 MiB and more ask
/// for huge pages. Thread-safe. Contents of a block are undefined: whoever gives one back has wiped
/// it.
class BlockPool {
public:
  /// Smaller blocks are left to malloc, which serves them without a system call.
  static constexpr size_t smallestBlock = size_t(32) << 10;
  /// Free memory beyond this goes back to the system. Two servers in one process that run ResNet-50
  /// (gfsrun --local) give back 0.7 GB after each inference.
  static constexpr size_t mostRetained = size_t(1) << 30;

  explicit BlockPool(size_t retain = mostRetained) : retain(retain) {}
  ~BlockPool();
  BlockPool(const BlockPool &) = delete;
  BlockPool &operator=(const BlockPool &) = delete;

  /// At least `bytes` bytes. Throws std::bad_alloc.
  void *take(size_t bytes);
  /// `block` from take(bytes).
  void give(void *block, size_t bytes) noexcept;

  /// Gives all free blocks to the system: when the sizes in demand change, as after loading
  /// weights.
  void trim() noexcept;
  /// Bytes in free blocks.
  size_t retained() const;

  /// What take(bytes) really fetches, at most an eighth more than `bytes`: sizes that differ little
  /// share their blocks.
  static size_t roundUp(size_t bytes);

  /// The pool of all secrets; never destroyed, as secrets may outlive any order of destruction.
  static BlockPool &shared();

private:
  /// 8 classes per power of two.
  static constexpr size_t classes = 8 * 64;
  static size_t classOf(size_t rounded);

  const size_t retain;
  mutable std::mutex mutex;
  std::array<std::vector<void *>, classes> free;
  size_t held = 0;
};

} // namespace gfs
