// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/ThreadPool.h"

#include <atomic>
#include <gtest/gtest.h>
#include <set>
#include <stdexcept>

namespace gfs {
namespace {

class ThreadPoolTest : public testing::TestWithParam<unsigned> {};

TEST_P(ThreadPoolTest, DoesEveryPartOnce) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.threads(), GetParam());
  for (uint64_t parts : {0u, 1u, 2u, 7u, 1000u}) {
    std::vector<std::atomic<int>> done(parts);
    pool.run(parts, [&](uint64_t part) { ++done[part]; });
    for (auto &times : done)
      EXPECT_EQ(times, 1);
  }
}

TEST_P(ThreadPoolTest, ServesSeveralCallersAtOnce) {
  ThreadPool pool(GetParam());
  std::atomic<uint64_t> sum = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round)
        pool.run(20, [&](uint64_t part) { sum += part; });
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(sum, 4u * 50 * 190);
}

TEST_P(ThreadPoolTest, ThrowsWhatAPartThrewAndGoesOn) {
  ThreadPool pool(GetParam());
  auto fail = [](uint64_t part) {
    if (part == 3)
      throw std::runtime_error("part 3");
  };
  EXPECT_THROW(pool.run(10, fail), std::runtime_error);
  std::atomic<int> done = 0;
  pool.run(10, [&](uint64_t) { ++done; });
  EXPECT_EQ(done, 10);
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1u, 2u, 5u));

TEST(ThreadPool, WorksInSeveralThreads) {
  ThreadPool pool(3);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  // Every part waits until the others have begun: one thread alone would never end.
  std::atomic<int> begun = 0;
  pool.run(3, [&](uint64_t) {
    {
      std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    }
    ++begun;
    while (begun < 3)
      std::this_thread::yield();
  });
  EXPECT_EQ(seen.size(), 3u);
}

} // namespace
} // namespace gfs
