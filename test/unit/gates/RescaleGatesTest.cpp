// SPDX-License-Identifier: Apache-2.0
// Truncate, Square, Multiply, Open and Unmask.
#include "test/unit/gates/GateTest.h"

namespace gfs {
namespace {

struct RescaleGatesTest : GateTest {
  plan::Plan unaryPlan(size_t count, const std::function<void(plan::Step &)> &setGate,
                       unsigned dropped = 0) const {
    PlanBuilder builder(bits());
    uint32_t z = builder.open(builder.input({count}), dropped);
    uint32_t y = builder.step({z}, {count}, PlanBuilder::shared);
    setGate(builder.latest());
    builder.output(y);
    return builder.build();
  }
  int64_t range() const { return int64_t(1) << (bits() - 2); }
  std::vector<unsigned> shifts() const { return {0, 1, 7, bits() / 2, bits() - 3, bits() - 2}; }
};

TEST_P(RescaleGatesTest, OpenAndUnmaskKeepEveryValue) {
  Values z = wholeRing(301);
  EXPECT_EQ(runPlan(unaryPlan(z.size(), [](plan::Step &step) { step.mutable_unmask(); }), {}, {z},
                    kernels())[0],
            z);
}

TEST_P(RescaleGatesTest, OpeningsThatDropBitsErrByLessThanTheseBits) {
  constexpr size_t count = 10000;
  const Values z = wholeRing(count);
  for (unsigned dropped : {1u, 2u, 7u, bits() / 2, bits() - 3}) {
    SCOPED_TRACE(dropped);
    const auto run = runBoth(unaryPlan(
                                 count, [](plan::Step &step) { step.mutable_unmask(); }, dropped),
                             {}, {z}, kernels());
    // What clear evaluation draws is distributed as what comes of the servers' shares.
    for (const Values &got : {run.servers[0], run.reference[0]}) {
      double sum = 0, squares = 0;
      for (size_t i = 0; i < count; ++i) {
        const int64_t error = reduce(static_cast<uint64_t>(got[i]) - static_cast<uint64_t>(z[i]));
        ASSERT_LT(std::abs(error), int64_t(1) << dropped) << z[i];
        const double relative = std::ldexp(static_cast<double>(error), -static_cast<int>(dropped));
        sum += relative;
        squares += relative * relative;
      }
      const double variance = (1 - std::ldexp(1.0, -2 * static_cast<int>(dropped))) / 6;
      EXPECT_NEAR(sum / count, 0, 7 * std::sqrt(variance / count));
      EXPECT_NEAR(squares / count, variance, 0.1 * variance);
    }
  }
}

TEST_P(RescaleGatesTest, TruncationsOfSuchOpeningsAreUnbiased) {
  // z = 5/16 + 3 at shift 8; variance 1/24 of the opening and 55/256 of the truncation.
  constexpr size_t count = 20000;
  const auto run =
      runBoth(unaryPlan(
                  count, [&](plan::Step &step) { step.mutable_truncate()->set_shift(8); }, 7),
              {}, {Values(count, 3 * 256 + 80)}, kernels());
  for (const Values &got : {run.servers[0], run.reference[0]}) {
    double sum = 0;
    for (int64_t y : got) {
      ASSERT_LT(std::abs(static_cast<double>(y) - 3.3125), 1.5);
      sum += static_cast<double>(y);
    }
    EXPECT_NEAR(sum / count, 3.3125, 7 * std::sqrt(0.26 / count));
  }
}

TEST_P(RescaleGatesTest, TruncateToOneUnit) {
  for (unsigned shift : shifts()) {
    SCOPED_TRACE(shift);
    auto plan =
        unaryPlan(301, [&](plan::Step &step) { step.mutable_truncate()->set_shift(shift); });
    runPlan(plan, {}, {wholeRing(301)}, kernels());
    Values z = within(range(), 301), y = runPlan(plan, {}, {z}, kernels())[0];
    for (size_t i = 0; i < z.size(); ++i) {
      int64_t floor = z[i] >> shift;
      bool exact = floor << shift == z[i];
      ASSERT_TRUE(y[i] == floor || (!exact && y[i] == floor + 1)) << z[i] << " gives " << y[i];
    }
  }
}

TEST_P(RescaleGatesTest, TruncateIsUnbiased) {
  // z = 5/16 + 3 at shift 4: one in 16/5 rounds up.
  constexpr size_t count = 20000;
  auto plan = unaryPlan(count, [&](plan::Step &step) { step.mutable_truncate()->set_shift(4); });
  Values y = runPlan(plan, {}, {Values(count, 3 * 16 + 5)}, kernels())[0];
  EXPECT_NEAR(static_cast<double>(std::count(y.begin(), y.end(), 4)) / count, 5.0 / 16, 0.02);
}

TEST_P(RescaleGatesTest, SquareOfTheTruncatedValue) {
  for (unsigned shift : shifts()) {
    SCOPED_TRACE(shift);
    auto plan = unaryPlan(301, [&](plan::Step &step) { step.mutable_square()->set_shift(shift); });
    runPlan(plan, {}, {wholeRing(301)}, kernels());
    Values z = within(range(), 301), y = runPlan(plan, {}, {z}, kernels())[0];
    for (size_t i = 0; i < z.size(); ++i) {
      auto down = static_cast<uint64_t>(z[i] >> shift), up = down + 1;
      ASSERT_TRUE(y[i] == reduce(down * down) || y[i] == reduce(up * up))
          << z[i] << " gives " << y[i];
    }
  }
}

TEST_P(RescaleGatesTest, MultiplyTwoMaskedValues) {
  PlanBuilder builder(bits());
  uint32_t x = builder.open(builder.input({257})), y = builder.open(builder.input({257}));
  uint32_t xy = builder.step({x, y}, {257}, PlanBuilder::shared);
  builder.latest().mutable_multiply();
  builder.output(xy);
  uint32_t xx = builder.step({x, x}, {257}, PlanBuilder::shared);
  builder.latest().mutable_multiply();
  builder.output(xx);
  Values a = wholeRing(257), b = a;
  std::reverse(b.begin(), b.end());
  auto results = runPlan(builder.build(), {}, {a, b}, kernels());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(results[0][i], reduce(static_cast<uint64_t>(a[i]) * static_cast<uint64_t>(b[i])));
    ASSERT_EQ(results[1][i], reduce(static_cast<uint64_t>(a[i]) * static_cast<uint64_t>(a[i])));
  }
}

INSTANTIATE_TEST_SUITE_P(All, RescaleGatesTest, everyKernelAndRing(), kernelAndRing);
INSTANTIATE_TEST_SUITE_P(EmulatedCuda, RescaleGatesTest, emulatedCudaAndRing(), kernelAndRing);

TEST(RescaleCostTest, OpenSendsWhatItDoesNotDrop) {
  for (unsigned dropped : {0u, 1u, 11u, 29u}) {
    PlanBuilder builder(32);
    uint32_t z = builder.open(builder.input({1000}), dropped);
    builder.output(builder.step({z}, {1000}, PlanBuilder::shared));
    builder.plan.mutable_steps(2)->mutable_unmask();
    EXPECT_EQ(makeGate(builder.build(), 1)->cost().messageBytes,
              std::vector<uint64_t>{1000 * (32 - dropped) / 8});
  }
}

TEST(RescaleCostTest, SquareDealsTwoWordsAndTwoFractions) {
  PlanBuilder builder(32);
  uint32_t z = builder.open(builder.input({1000}));
  builder.output(builder.step({z}, {1000}, PlanBuilder::shared));
  builder.plan.mutable_steps(2)->mutable_square()->set_shift(12);
  const Cost cost = makeGate(builder.build(), 2)->cost();
  EXPECT_EQ(cost.dealtBytes[0] + cost.dealtBytes[1], 1000 * (2 * 32 + 2 * 12) / 8);
}

} // namespace
} // namespace gfs
