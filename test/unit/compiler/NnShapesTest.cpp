// SPDX-License-Identifier: Apache-2.0
#include "dialects/nn/NnShapes.h"

#include <gtest/gtest.h>

namespace gfs {
namespace {

TEST(RowLength, IsThatOfOneAnswer) {
  EXPECT_EQ(nn::rowLength({1, 10}), 10u);
  EXPECT_EQ(nn::rowLength({1, 10, 1, 1}), 10u);
  EXPECT_EQ(nn::rowLength({1, 21, 32, 48}), 48u);
  EXPECT_EQ(nn::rowLength({10}), 10u);
  EXPECT_EQ(nn::rowLength({}), 1u);
  // Eight answers of one element each: none is the largest of its own.
  EXPECT_EQ(nn::rowLength({8, 1}), 1u);
  EXPECT_EQ(nn::rowLength({8, 10}), 10u);
}

} // namespace
} // namespace gfs
