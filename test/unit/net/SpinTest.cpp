// SPDX-License-Identifier: Apache-2.0
// When waits poll: not beside other work, and seldom where it was in vain.
#include "runtime/net/Spin.h"

#include <gtest/gtest.h>

namespace gfs {
namespace {

constexpr std::chrono::microseconds most{100};

TEST(Spin, NeverPollsWithoutTime) {
  Spin spin;
  EXPECT_EQ(spin.next().count(), 0);
  EXPECT_FALSE(spinUntil(spin, []() -> bool { throw std::logic_error("polled"); }));
}

TEST(Spin, NeverPollsBesideOtherWork) {
  std::atomic<bool> busy = true;
  Spin spin(most, &busy);
  EXPECT_EQ(spin.next().count(), 0);
  busy = false;
  EXPECT_EQ(spin.next(), most);
}

TEST(Spin, PollsEveryTimeWhileThatPays) {
  Spin spin(most);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(spin.next(), most);
    spin.ended(true);
  }
}

TEST(Spin, PollsLessAndLessInVain) {
  Spin spin(most);
  auto asleep = [&] {
    int count = 0;
    while (spin.next().count() == 0)
      ++count;
    return count;
  };
  for (int expected : {0, 1, 2, 4, 8, 16, 32, 64, 64}) {
    EXPECT_EQ(asleep(), expected);
    spin.ended(false);
  }
  EXPECT_EQ(asleep(), 64);
  spin.ended(true); // it pays again
  EXPECT_EQ(asleep(), 0);
}

TEST(Spin, PollsUntilItComesOrTimeIsUp) {
  Spin spin(std::chrono::seconds(10));
  int polls = 0;
  EXPECT_TRUE(spinUntil(spin, [&] { return ++polls == 3; }));
  EXPECT_EQ(polls, 3);
  Spin brief(std::chrono::microseconds(1));
  EXPECT_FALSE(spinUntil(brief, [] { return false; }));
  EXPECT_EQ(brief.next().count(), 0);
}

} // namespace
} // namespace gfs
