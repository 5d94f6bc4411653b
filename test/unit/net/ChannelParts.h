// SPDX-License-Identifier: Apache-2.0
// What every channel promises of exchanges in parts.
#pragma once

#include "runtime/net/Channel.h"

#include <future>
#include <gtest/gtest.h>
#include <numeric>
#include <thread>
#include <vector>

namespace gfs::testing {

inline std::vector<uint8_t> countingBytes(size_t size, uint8_t first) {
  std::vector<uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), first);
  return bytes;
}

/// The first `part` of `size` bytes arrive before there are more: else this never ends.
inline void expectPartsArriveEarly(Channel &a, Channel &b, size_t size, size_t part) {
  const auto fromA = countingBytes(size, 1), fromB = countingBytes(size / 2, 7);
  std::vector<uint8_t> atA(fromB.size()), atB(fromA.size());
  std::promise<void> arrived;
  std::jthread other([&] {
    b.begin(fromB, atB);
    b.push(fromB.size());
    b.pull(part);
    EXPECT_TRUE(std::equal(atB.begin(), atB.begin() + static_cast<ptrdiff_t>(part), fromA.begin()));
    arrived.set_value();
    b.finish();
  });
  a.begin(fromA, atA);
  a.push(part);
  arrived.get_future().wait();
  a.push(size);
  a.finish();
  other.join();
  EXPECT_EQ(atA, fromB);
  EXPECT_EQ(atB, fromA);
}

/// One end does in many parts what the other does at once; empty messages, too.
inline void expectPartsAndWholesMeet(Channel &a, Channel &b) {
  for (size_t size : {size_t(0), size_t(1), size_t(1000), size_t(3000001)}) {
    const auto fromA = countingBytes(size, 3), fromB = countingBytes(size, 9);
    std::vector<uint8_t> atA(size), atB(size);
    std::jthread other([&] { b.exchange(fromB, atB); });
    a.begin(fromA, atA);
    for (size_t part = 1; part <= 7; ++part)
      a.push(size * part / 7);
    a.pull(size / 3);
    a.finish();
    other.join();
    EXPECT_EQ(atA, fromB);
    EXPECT_EQ(atB, fromA);
  }
}

} // namespace gfs::testing
