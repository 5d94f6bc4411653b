// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/Error.h"
#include "runtime/net/Channel.h"

#include "test/unit/net/ChannelParts.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>
#include <vector>

using namespace gfs;

static std::vector<uint8_t> pattern(size_t size, uint8_t first) {
  std::vector<uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), first);
  return bytes;
}

TEST(InMemoryChannel, SwapsMessagesOfDifferentSizes) {
  auto [a, b] = makeInMemoryChannel();
  for (auto [sizeA, sizeB] :
       {std::pair<size_t, size_t>{0, 0}, {1, 0}, {3, 1000001}, {1 << 22, 5}}) {
    auto sentA = pattern(sizeA, 1), sentB = pattern(sizeB, 100);
    std::vector<uint8_t> gotA(sizeB), gotB(sizeA);
    std::jthread other([&, &b = b] { b->exchange(sentB, gotB); });
    a->exchange(sentA, gotA);
    other.join();
    EXPECT_EQ(gotA, sentB);
    EXPECT_EQ(gotB, sentA);
  }
  EXPECT_EQ(a->counters().exchanges, 4u);
  EXPECT_EQ(a->counters().payloadSent, 1u + 3 + (1 << 22));
  EXPECT_EQ(a->counters().payloadReceived, b->counters().payloadSent);
}

TEST(InMemoryChannel, ManySmallExchangesKeepOrder) {
  auto [a, b] = makeInMemoryChannel();
  auto run = [](Channel &channel, uint32_t offset, uint32_t &bad) {
    for (uint32_t i = 0; i < 2000; ++i) {
      uint32_t mine = i + offset, theirs = 0;
      channel.exchange({reinterpret_cast<uint8_t *>(&mine), 4},
                       {reinterpret_cast<uint8_t *>(&theirs), 4});
      bad += theirs != i + (1000000 - offset);
    }
  };
  uint32_t badA = 0, badB = 0;
  std::jthread other([&, &b = b] { run(*b, 1000000, badB); });
  run(*a, 0, badA);
  other.join();
  EXPECT_EQ(badA + badB, 0u);
}

TEST(InMemoryChannel, ExchangesInParts) {
  auto [a, b] = makeInMemoryChannel();
  gfs::testing::expectPartsArriveEarly(*a, *b, 1000, 400);
  gfs::testing::expectPartsArriveEarly(*b, *a, 100001, 1);
  gfs::testing::expectPartsAndWholesMeet(*a, *b);
  EXPECT_EQ(a->counters().exchanges, 6u);
  EXPECT_EQ(a->counters().payloadSent, b->counters().payloadReceived);
}

TEST(InMemoryChannel, LosesThePeerBetweenParts) {
  auto [a, b] = makeInMemoryChannel();
  std::vector<uint8_t> message(10), got(10), theirs(10), atB(10);
  a->begin(message, got);
  a->push(10);
  b->begin(theirs, atB);
  b->push(5);
  a->pull(5);
  b.reset();
  EXPECT_THROW(a->pull(6), Error);
}

/// A channel that knows whole exchanges only.
TEST(Channel, DoesPartsAtTheEndIfItMust) {
  struct Whole final : Channel {
    explicit Whole(Channel &inner) : inner(inner) {}
    void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
      inner.exchange(outgoing, incoming);
    }
    Channel &inner;
  };
  auto [a, b] = makeInMemoryChannel();
  Whole whole(*a);
  gfs::testing::expectPartsAndWholesMeet(whole, *b);
  EXPECT_EQ(a->counters().exchanges, 4u);
  std::vector<uint8_t> message(4), got(4);
  whole.begin(message, got);
  whole.push(2);
  EXPECT_THROW(whole.pull(1), Error) << "the peer would wait, too";
}

TEST(InMemoryChannel, DestroyingOneEndFailsTheOther) {
  auto [a, b] = makeInMemoryChannel();
  std::jthread other([&b = b] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    b.reset();
  });
  std::vector<uint8_t> buffer(8);
  EXPECT_THROW(a->exchange(buffer, buffer), Error);
  EXPECT_THROW(a->exchange(buffer, buffer), Error) << "the channel is unusable after a failure";
}

TEST(InMemoryChannel, RefusesOtherSizes) {
  auto [a, b] = makeInMemoryChannel();
  std::vector<uint8_t> eight(8), received(8);
  std::jthread other([&, &b = b] { EXPECT_THROW(b->exchange(eight, received), Error); });
  std::vector<uint8_t> incoming(9);
  try {
    a->exchange(eight, incoming);
    FAIL() << "a size mismatch went through";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Network);
    EXPECT_STREQ(error.what(), "in-memory link: expects 9 bytes, the peer sends 8");
  }
}
