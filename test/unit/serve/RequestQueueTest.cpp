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

std::unique_ptr<Job> job(uint8_t number, const std::string &client = "client:a") {
  auto job = std::make_unique<Job>();
  job->id[0] = number;
  job->client = client;
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

TEST(RequestQueueTest, WhoHasManyGivesWayToWhoHasFew) {
  RequestQueue queue(4);
  std::vector<std::future<Result>> many;
  for (uint8_t number : {1, 2, 3, 4})
    many.push_back(queue.submit(job(number, "client:many")));
  auto two = [](uint8_t first) {
    Jobs jobs;
    for (uint8_t number : {first, uint8_t(first + 1)})
      jobs.push_back(job(number, "client:few"));
    return jobs;
  };
  queue.submit(two(10));
  EXPECT_THROW(many[3].get(), Error) << "its newest fail";
  EXPECT_THROW(many[2].get(), Error);
  EXPECT_THROW(queue.submit(two(20)), Error) << "now it would have more than the other";
  EXPECT_THROW(queue.submit(job(30, "client:many")), Error);
  Jobs left = queue.next(8, 0ms);
  ASSERT_EQ(left.size(), 4u) << "nobody lost a place to who did not get it";
  EXPECT_EQ(left[0]->id[0], 1);
  EXPECT_EQ(left[3]->id[0], 11);
}

TEST(RequestQueueTest, DeferredRequestsWaitBehindTheOthers) {
  RequestQueue queue(8);
  for (uint8_t number : {1, 2, 3})
    queue.submit(job(number));
  Jobs first = queue.next(1, 0ms), second = queue.next(1, 0ms);
  queue.putLast(std::move(first));
  queue.putBack(std::move(second));
  Jobs all = queue.next(8, 0ms);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]->id[0], 2);
  EXPECT_EQ(all[1]->id[0], 3);
  EXPECT_EQ(all[2]->id[0], 1);
}

TEST(RequestQueueTest, AwaitsAnyOfSome) {
  RequestQueue queue(8);
  const std::vector<JobId> ids = {job(1)->id, job(2)->id};
  queue.submit(job(3));
  auto start = Clock::now();
  queue.awaitAny(ids, 20ms);
  EXPECT_GE(Clock::now() - start, 20ms) << "took another for one of them";
  std::jthread later([&] {
    std::this_thread::sleep_for(20ms);
    queue.submit(job(2));
  });
  start = Clock::now();
  queue.awaitAny(ids, 60s);
  EXPECT_LT(Clock::now() - start, 30s);
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
