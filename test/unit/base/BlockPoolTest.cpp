// SPDX-License-Identifier: Apache-2.0
// Blocks come back, stay apart, and do not pile up.
#include "runtime/base/BlockPool.h"

#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>

namespace gfs {
namespace {

TEST(BlockPoolTest, RoundsUpByAnEighthAtMost) {
  EXPECT_EQ(BlockPool::roundUp(1), BlockPool::smallestBlock);
  for (size_t bytes = BlockPool::smallestBlock; bytes < size_t(1) << 33; bytes += bytes / 7 + 1) {
    EXPECT_GE(BlockPool::roundUp(bytes), bytes);
    EXPECT_LE(BlockPool::roundUp(bytes), bytes + bytes / 8);
    EXPECT_EQ(BlockPool::roundUp(BlockPool::roundUp(bytes)), BlockPool::roundUp(bytes));
  }
  EXPECT_THROW(BlockPool::roundUp(SIZE_MAX), std::bad_alloc);
}

TEST(BlockPoolTest, GivesTheSameBlockAgainToSizesOfItsClass) {
  for (size_t bytes : {size_t(40000), size_t(3) << 20}) {
    BlockPool pool;
    void *first = pool.take(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0u);
    std::memset(first, 1, bytes);
    pool.give(first, bytes);
    EXPECT_EQ(pool.retained(), BlockPool::roundUp(bytes));
    void *other = pool.take(2 * bytes), *again = pool.take(bytes - 1);
    EXPECT_EQ(again, first);
    EXPECT_NE(other, first);
    EXPECT_EQ(pool.retained(), 0u);
    pool.give(other, 2 * bytes);
    pool.give(again, bytes - 1);
  }
}

TEST(BlockPoolTest, RetainsNoMoreThanItMay) {
  BlockPool pool(100'000);
  void *one = pool.take(65536), *two = pool.take(65536);
  pool.give(one, 65536);
  pool.give(two, 65536);
  EXPECT_EQ(pool.retained(), 65536u);
  pool.trim();
  EXPECT_EQ(pool.retained(), 0u);
}

TEST(BlockPoolTest, ThreadsNeverShareABlock) {
  BlockPool pool;
  auto work = [&](uint8_t mark) {
    for (int round = 0; round < 200; ++round) {
      const size_t bytes = BlockPool::smallestBlock + static_cast<size_t>(round % 5) * 10'000;
      auto *block = static_cast<uint8_t *>(pool.take(bytes));
      std::memset(block, mark, bytes);
      for (size_t i = 0; i < bytes; i += 997)
        ASSERT_EQ(block[i], mark);
      pool.give(block, bytes);
    }
  };
  std::jthread one(work, 1), two(work, 2), three(work, 3);
}

} // namespace
} // namespace gfs
