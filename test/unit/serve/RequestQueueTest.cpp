// SPDX-License-Identifier: Apache-2.0
// Which requests a pass gets, and when.
#include "runtime/serve/RequestQueue.h"

#include <gtest/gtest.h>
#include <thread>

using namespace gfs;
using namespace gfs::serve;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

std::unique_ptr<Job> job(uint8_t number) {
  auto job = std::make_unique<Job>();
  job->id[0] = number;
  return job;
}

TEST(RequestQueueTest, HandsOutTheOldestFirst) {
  RequestQueue queue(8);
  for (uint8_t number : {3, 1, 2})
    queue.submit(job(number));
  Jobs two = queue.next(2, 0ms);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0]->id[0], 3);
  EXPECT_EQ(two[1]->id[0], 1);
  EXPECT_EQ(queue.next(2, 0ms).size(), 1u);
  EXPECT_TRUE(queue.next(2, 1ms).empty());
}

TEST(RequestQueueTest, RefusesMoreThanItHolds) {
  RequestQueue queue(1);
  queue.submit(job(1));
  EXPECT_THROW(queue.submit(job(2)), Error);
}

TEST(RequestQueueTest, GathersAsManyAsExpected) {
  RequestQueue queue(8);
  queue.submit(job(0));
  std::jthread later([&] {
    for (uint8_t number : {1, 2}) {
      std::this_thread::sleep_for(20ms);
      queue.submit(job(number));
    }
  });
  const auto start = Clock::now();
  EXPECT_EQ(queue.next(8, 1s, {3, start + 60s}).size(), 3u);
  EXPECT_LT(Clock::now() - start, 30s) << "waited although all were there";
}

TEST(RequestQueueTest, GathersForALimitedTime) {
  RequestQueue queue(8);
  queue.submit(job(0));
  const auto until = Clock::now() + 30ms;
  EXPECT_EQ(queue.next(8, 1s, {3, until}).size(), 1u);
  EXPECT_GE(Clock::now(), until);
}

TEST(RequestQueueTest, DoesNotWaitForMoreThanAPassTakes) {
  RequestQueue queue(8);
  queue.submit(job(0));
  queue.submit(job(1));
  const auto start = Clock::now();
  EXPECT_EQ(queue.next(2, 1s, {3, start + 60s}).size(), 2u);
  EXPECT_LT(Clock::now() - start, 30s);
}

TEST(RequestQueueTest, StopsGatheringWhenClosed) {
  RequestQueue queue(8);
  auto waiting = queue.submit(job(0));
  std::jthread closing([&] {
    std::this_thread::sleep_for(20ms);
    queue.close(Error(ExitCode::Network, "the server stops"));
  });
  const auto start = Clock::now();
  EXPECT_TRUE(queue.next(8, 1s, {3, start + 60s}).empty());
  EXPECT_LT(Clock::now() - start, 30s);
  EXPECT_THROW(waiting.get(), Error);
}

} // namespace
