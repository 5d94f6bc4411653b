// SPDX-License-Identifier: Apache-2.0
#include "compiler/cost/Budget.h"

#include <gtest/gtest.h>

namespace gfs {
namespace {

TEST(BudgetTest, LoadIsTheTighterBounds) {
  Budget budget{.milliseconds = 2, .dealtBytes = 1000};
  EXPECT_DOUBLE_EQ(budget.load(0.001, 900), 0.9);
  EXPECT_DOUBLE_EQ(budget.load(0.003, 900), 1.5);
  EXPECT_TRUE(budget.metBy(0.002, 1000));
  EXPECT_FALSE(budget.metBy(0.002, 1001));
  EXPECT_TRUE(Budget{}.metBy(1e9, UINT64_MAX));
  EXPECT_FALSE(Budget{}.given());
}

TEST(BudgetTest, WhatIsNamedAsNearestCanBeMet) {
  Budget budget{.milliseconds = 0.001, .dealtBytes = 2000000};
  EXPECT_EQ(budget.text(), "--budget-ms=0.001 --budget-bytes=2000000");
  EXPECT_EQ(budget.relaxedTo(0.0041512, 500), "--budget-ms=4.16 --budget-bytes=2000000");
  EXPECT_EQ((Budget{.dealtBytes = 10}.relaxedTo(1, 11)), "--budget-bytes=11");
  EXPECT_EQ((Budget{.milliseconds = 0.5}.relaxedTo(1e-4, 11)), "--budget-ms=0.5");
}

} // namespace
} // namespace gfs
