// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/ThrottledChannel.h"

#include "runtime/base/Error.h"

#include "test/unit/net/ChannelParts.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

using namespace gfs;

namespace {

double secondsOf(const std::function<void()> &body) {
  auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Two throttled ends over one in-memory link.
struct Link {
  explicit Link(const NetworkProfile &profile)
      : inner(makeInMemoryChannel()), a(makeThrottledChannel(*inner.first, profile)),
        b(makeThrottledChannel(*inner.second, profile)) {}
  std::pair<std::unique_ptr<Channel>, std::unique_ptr<Channel>> inner;
  std::unique_ptr<Channel> a, b;
};

} // namespace

TEST(ThrottledChannel, DeliversMessagesUnchangedAndCountsThem) {
  Link link({"test", 1e-3, 1e9});
  std::vector<uint8_t> fromA = {1, 2, 3}, fromB = {4, 5}, atA(2), atB(3);
  std::jthread other([&] { link.b->exchange(fromB, atB); });
  link.a->exchange(fromA, atA);
  other.join();
  EXPECT_EQ(atA, fromB);
  EXPECT_EQ(atB, fromA);
  EXPECT_EQ(link.a->counters().exchanges, 1u);
  EXPECT_EQ(link.a->counters().payloadSent, 3u);
  EXPECT_EQ(link.a->counters().payloadReceived, 2u);
}

// Lower bounds only: how late a thread wakes up depends on the machine.
TEST(ThrottledChannel, EveryExchangeTakesHalfARoundTripAndTheRate) {
  Link link({"test", 20e-3, 1e6});
  std::vector<uint8_t> large(10000), small(1), none;
  double seconds = secondsOf([&] {
    std::jthread other([&] {
      for (int i = 0; i < 3; ++i)
        link.b->exchange(none, large);
    });
    for (int i = 0; i < 3; ++i)
      link.a->exchange(large, none);
  });
  // a is told of nothing to wait for but the delay: its three messages leave in 10 ms each.
  EXPECT_GE(seconds, 3 * 10e-3 + 10e-3);
}

// The second message waits until the first has left, though it was handed over at once.
TEST(ThrottledChannel, TheRateIsSharedInOrder) {
  Link link({"test", 0, 1e6});
  std::vector<uint8_t> large(20000), none;
  auto start = std::chrono::steady_clock::now();
  std::vector<double> arrivals;
  std::jthread other([&] {
    for (int i = 0; i < 2; ++i) {
      link.b->exchange(none, large);
      arrivals.push_back(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  });
  for (int i = 0; i < 2; ++i)
    link.a->exchange(large, none); // returns at once: nothing comes back but an empty message
  other.join();
  EXPECT_GE(arrivals[0], 20e-3);
  EXPECT_GE(arrivals[1], 40e-3);
}

TEST(ThrottledChannel, ExchangesInParts) {
  Link link({"test", 0, 0});
  gfs::testing::expectPartsArriveEarly(*link.a, *link.b, 200000, 65536);
  gfs::testing::expectPartsAndWholesMeet(*link.b, *link.a);
}

TEST(ThrottledChannel, KeepsTheRateInParts) {
  Link link({"test", 0, 1e6});
  std::vector<uint8_t> large(2 * 65536), none, got(large.size());
  double seconds = secondsOf([&] {
    std::jthread other([&] { link.b->exchange(none, got); });
    link.a->begin(large, none);
    link.a->push(65536);
    link.a->push(large.size());
    link.a->finish();
  });
  EXPECT_GE(seconds, 131e-3);
}

TEST(ThrottledChannel, OneThrottledEndFails) {
  auto [a, b] = makeInMemoryChannel();
  auto slow = makeThrottledChannel(*a, {"test", 0, 0});
  std::vector<uint8_t> message(4), forA(4), forB(4);
  std::jthread other([&, &b = b] { EXPECT_THROW(b->exchange(message, forB), Error); });
  EXPECT_THROW(slow->exchange(message, forA), Error);
}

TEST(ThrottledChannel, RefusesAnotherClock) {
  auto [a, b] = makeInMemoryChannel();
  auto slow = makeThrottledChannel(*a, {"test", 0, 0});
  std::vector<uint8_t> stamp(8, 0), forB(8); // an arrival when the machine started
  std::jthread other([&, &b = b] {
    try {
      b->exchange(stamp, forB);
    } catch (const Error &error) { // the other end may leave before it has read everything
      EXPECT_EQ(error.code(), ExitCode::Network);
    }
  });
  std::vector<uint8_t> none;
  // Only where the machine has run for longer than clocks may differ.
  if (std::chrono::steady_clock::now().time_since_epoch() > std::chrono::minutes(11))
    EXPECT_THROW(slow->exchange(none, none), Error);
  else
    slow->exchange(none, none);
}

TEST(NetworkProfile, ReadsNamesAndNumbers) {
  EXPECT_EQ(parseNetworkProfile("loopback", "--network").bytesPerSecond, 0);
  EXPECT_DOUBLE_EQ(parseNetworkProfile("lan", "--network").roundTripSeconds, 0.2e-3);
  EXPECT_DOUBLE_EQ(parseNetworkProfile("wan", "--network").bytesPerSecond, 12.5e6);
  NetworkProfile custom = parseNetworkProfile("rtt=7.5,bw=80", "--network");
  EXPECT_DOUBLE_EQ(custom.oneWaySeconds(), 3.75e-3);
  EXPECT_DOUBLE_EQ(custom.sendSeconds(10'000'000), 1.0);
  EXPECT_EQ(custom.text(), "rtt=7.5,bw=80: 7.5 ms round trip, 80 Mbit/s");
  EXPECT_EQ(parseNetworkProfile("rtt=1", "--network").sendSeconds(1 << 30), 0);
}

TEST(NetworkProfile, RefusesWhatIsNoNetwork) {
  for (const char *text : {"", "moon", "rtt", "rtt=", "rtt=-1", "rtt=1e9", "bw=0", "bw=-5",
                           "bw=nan", "rtt=1,lag=2", "rtt=5ms", "rtt=inf"}) {
    try {
      parseNetworkProfile(text, "--network");
      FAIL() << text;
    } catch (const Error &error) {
      EXPECT_EQ(error.code(), ExitCode::Usage);
      EXPECT_NE(std::string(error.what()).find("--network"), std::string::npos);
    }
  }
}
