// SPDX-License-Identifier: Apache-2.0
// Order, bounded memory and failures of results that threads make.
#include "runtime/serve/InOrder.h"

#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <stdexcept>

namespace gfs::serve {
namespace {

TEST(InOrderTest, HandsResultsOutInOrder) {
  for (unsigned threads : {1u, 2u, 5u}) {
    InOrder<uint64_t> squares(3, 60, threads, [](uint64_t i) {
      std::this_thread::sleep_for(std::chrono::microseconds(i % 4 * 100)); // out of order
      return i * i;
    });
    for (uint64_t i = 3; i < 60; ++i)
      EXPECT_EQ(squares.take(), i * i);
  }
}

TEST(InOrderTest, DoesNotRunAheadOfItsOwner) {
  std::atomic<uint64_t> made = 0;
  InOrder<uint64_t> results(0, 1000, 2, [&](uint64_t i) {
    ++made;
    return i;
  });
  for (uint64_t i = 0; i < 20; ++i) {
    results.take();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_LE(made, i + 1 + 4);
  }
}

TEST(InOrderTest, FailsWhereTheWorkFailed) {
  InOrder<uint64_t> results(0, 10, 3, [](uint64_t i) {
    if (i == 4)
      throw std::runtime_error("four");
    return i;
  });
  for (uint64_t i = 0; i < 4; ++i)
    EXPECT_EQ(results.take(), i);
  EXPECT_THROW(results.take(), std::runtime_error);
}

TEST(InOrderTest, MayBeEmptyOrDroppedEarly) {
  InOrder<uint64_t> none(7, 7, 4, [](uint64_t i) { return i; });
  InOrder<uint64_t> dropped(0, 100, 4, [](uint64_t i) { return i; });
  EXPECT_EQ(dropped.take(), 0u);
}

} // namespace
} // namespace gfs::serve
