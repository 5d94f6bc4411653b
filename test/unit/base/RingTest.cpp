// SPDX-License-Identifier: Apache-2.0
// Words, masks, signs and packed sizes at the corners of the ring widths.
#include "runtime/base/Ring.h"

#include <gtest/gtest.h>

namespace gfs {
namespace {

TEST(RingTest, ChoosesTheNarrowestWord) {
  EXPECT_EQ(Ring{16}.wordBytes(), 4u);
  EXPECT_EQ(Ring{32}.wordBytes(), 4u);
  EXPECT_EQ(Ring{33}.wordBytes(), 8u);
  EXPECT_EQ(Ring{64}.wordBytes(), 8u);
  EXPECT_EQ(visitWord(Ring{32}, []<class Word>() { return sizeof(Word); }), 4u);
  EXPECT_EQ(visitWord(Ring{33}, []<class Word>() { return sizeof(Word); }), 8u);
}

TEST(RingTest, MasksAllWidths) {
  EXPECT_EQ(Ring{17}.mask<uint32_t>(), 0x1ffffu);
  EXPECT_EQ(Ring{32}.mask<uint32_t>(), 0xffffffffu);
  EXPECT_EQ(Ring{33}.mask<uint64_t>(), 0x1ffffffffull);
  EXPECT_EQ(Ring{64}.mask<uint64_t>(), ~uint64_t(0));
}

TEST(RingTest, SignExtendsAtTheTopBit) {
  EXPECT_EQ(Ring{17}.toSigned(0xffffu), 65535);
  EXPECT_EQ(Ring{17}.toSigned(0x10000u), -65536);
  EXPECT_EQ(Ring{17}.toSigned(0x1ffffu), -1);
  EXPECT_EQ(Ring{32}.toSigned(0x80000000u), INT32_MIN);
  EXPECT_EQ(Ring{64}.toSigned(uint64_t(1) << 63), INT64_MIN);
}

TEST(RingTest, PacksWithoutGaps) {
  EXPECT_EQ(packedBytes(0, 31), 0u);
  EXPECT_EQ(packedBytes(1, 1), 1u);
  EXPECT_EQ(packedBytes(8, 27), 27u);
  EXPECT_EQ(packedBytes(3, 27), 11u);
}

} // namespace
} // namespace gfs
