// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/BlockPool.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <sys/mman.h>

namespace gfs {

namespace {

constexpr size_t hugePage = size_t(2) << 20;

void *fetch(size_t bytes) {
  const bool huge = bytes >= hugePage;
  void *block = nullptr; // aligned_alloc would want multiples of the alignment
  if (::posix_memalign(&block, huge ? hugePage : 64, bytes) != 0)
    throw std::bad_alloc();
  if (huge) // An aid, not a need: without it there are small pages.
    ::madvise(block, bytes, MADV_HUGEPAGE);
  return block;
}

/// The distance of size classes around `bytes`: each power of two is cut into eight.
size_t classStep(size_t bytes) { return std::bit_floor(bytes) / 8; }

} // namespace

size_t BlockPool::roundUp(size_t bytes) {
  if (bytes > SIZE_MAX / 2)
    throw std::bad_alloc();
  const size_t step = classStep(std::max(bytes, smallestBlock));
  return std::max((bytes + step - 1) / step * step, smallestBlock);
}

size_t BlockPool::classOf(size_t rounded) {
  const size_t step = classStep(rounded);
  return 8 * static_cast<size_t>(std::bit_width(rounded) - 1) + rounded / step - 8;
}

void *BlockPool::take(size_t bytes) {
  const size_t rounded = roundUp(bytes);
  {
    std::lock_guard lock(mutex);
    std::vector<void *> &blocks = free[classOf(rounded)];
    if (!blocks.empty()) {
      void *block = blocks.back();
      blocks.pop_back();
      held -= rounded;
      return block;
    }
  }
  return fetch(rounded);
}

void BlockPool::give(void *block, size_t bytes) noexcept {
  const size_t rounded = roundUp(bytes);
  try {
    std::lock_guard lock(mutex);
    if (held + rounded <= retain) {
      free[classOf(rounded)].push_back(block);
      held += rounded;
      return;
    }
  } catch (const std::bad_alloc &) {
    // No room to note it down: the system gets it.
  }
  std::free(block);
}

size_t BlockPool::retained() const {
  std::lock_guard lock(mutex);
  return held;
}

void BlockPool::trim() noexcept {
  std::lock_guard lock(mutex);
  for (std::vector<void *> &blocks : free) {
    for (void *block : blocks)
      std::free(block);
    blocks.clear();
  }
  held = 0;
}

BlockPool::~BlockPool() { trim(); }

BlockPool &BlockPool::shared() {
  static BlockPool &pool = *new BlockPool;
  return pool;
}

} // namespace gfs
