// SPDX-License-Identifier: Apache-2.0
// Relu and Spline under every comparison protocol.
#include "test/unit/gates/GateTest.h"

namespace gfs {
namespace {

using plan::SignWindow;

struct ComparisonGatesTest : GateTest {
  struct Window {
    unsigned low, high;
  };
  /// Windows of all kinds of widths that fit the ring and the protocol.
  std::vector<Window> windows(SignWindow::Protocol protocol) const {
    std::vector<Window> all;
    const unsigned top = bits() - 2;
    for (unsigned n : {1u, 2u, 3u, 5u, 7u, 8u, 9u})
      all.push_back({4, 4 + n});
    all.push_back({top - 7, top});
    all.push_back({0, 9});
    if (protocol != SignWindow::TABLE)
      for (unsigned n : {4u, 12u, 13u, top})
        all.push_back({top - n, top});
    return all;
  }

  plan::Plan reluPlan(size_t count, unsigned shift, Window window, SignWindow::Protocol protocol,
                      unsigned dropped = 0) const {
    PlanBuilder builder(bits());
    builder.output(builder.relu(builder.open(builder.input({count}), dropped), shift, window.low,
                                window.high, protocol));
    return builder.build();
  }

  void testRelu(SignWindow::Protocol protocol) {
    for (Window window : windows(protocol)) {
      SCOPED_TRACE(fmt::format("window [{}, {})", window.low, window.high));
      // Whatever the value, the servers agree with the reference.
      runPlan(reluPlan(203, 6, window, protocol), {}, {wholeRing(203)}, kernels());

      // Within the window's range it is the truncated ReLU, to one unit of the result.
      const unsigned shift = std::max(window.low, 1u);
      const int64_t range = (int64_t(1) << window.high) - (int64_t(1) << window.low);
      Values z = within(std::max<int64_t>(range, 1), 203);
      Values y = runPlan(reluPlan(z.size(), shift, window, protocol), {}, {z}, kernels())[0];
      for (size_t i = 0; i < z.size(); ++i) {
        int64_t error = y[i] - (std::max<int64_t>(z[i], 0) >> shift);
        ASSERT_TRUE(error == 0 || error == 1 || (error == -1 && z[i] < 0)) << "element " << i;
      }
      if (window.low > 1)
        testTrimmedRelu(window, protocol);
    }
  }

  /// As many bits dropped as compiled plans drop: half a unit more, and signs within one unit.
  void testTrimmedRelu(Window window, SignWindow::Protocol protocol) {
    const unsigned shift = window.low, dropped = shift - 1;
    const int64_t unit = int64_t(1) << shift, range = (int64_t(1) << window.high) - 2 * unit;
    const Values z = within(std::max<int64_t>(range, 1), 203);
    const auto run =
        runBoth(reluPlan(z.size(), shift, window, protocol, dropped), {}, {z}, kernels());
    for (const Values &y : {run.servers[0], run.reference[0]})
      for (size_t i = 0; i < z.size(); ++i) {
        const double meant = static_cast<double>(z[i]) / static_cast<double>(unit),
                     error = std::abs(static_cast<double>(y[i]) - meant);
        const bool kept = error < 1.5, cleared = y[i] == 0;
        ASSERT_TRUE(z[i] >= unit    ? kept
                    : z[i] <= -unit ? cleared
                                    : kept || cleared)
            << z[i] << " gives " << y[i];
      }
  }

  /// Pieces with a plain meaning: y is a polynomial of v = z >> shift.
  struct Curve {
    std::vector<int64_t> thresholds;
    std::vector<std::array<int64_t, 3>> pieces;
  };
  plan::Plan splinePlan(size_t count, unsigned shift, Window window, SignWindow::Protocol protocol,
                        const Curve &curve) const {
    PlanBuilder builder(bits());
    uint32_t z = builder.open(builder.input({count}));
    uint32_t y = builder.step({z}, {count}, PlanBuilder::shared);
    plan::Spline &spline = *builder.latest().mutable_spline();
    spline.set_shift(shift);
    PlanBuilder::setWindow(*spline.mutable_window(), window.low, window.high, protocol);
    for (int64_t threshold : curve.thresholds)
      spline.add_thresholds(threshold);
    for (const auto &piece : curve.pieces) {
      plan::Polynomial *added = spline.add_pieces();
      added->set_c0(piece[0]);
      added->set_c1(piece[1]);
      added->set_c2(piece[2]);
    }
    builder.output(y);
    return builder.build();
  }

  void testSpline(SignWindow::Protocol protocol) {
    const Curve clip{{0, 96}, {{0, 0, 0}, {0, 1, 0}, {6, 0, 0}}};        // 6 = 96 >> 4
    const Curve hardSwish{{-48, 48}, {{0, 0, 0}, {0, 3, 1}, {0, 6, 0}}}; // v(v+3) between -3 and 3
    const Curve stairs{{-64, 0, 64}, {{-2, 0, 0}, {-1, 0, 0}, {1, 0, 0}, {2, 0, 0}}};
    const Curve leaky{{0}, {{0, 1, 0}, {0, 8, 0}}};
    Curve manySteps{{}, {{0, 0, 0}}}; // as many thresholds as a plan may have
    for (int64_t j = 0; j < plan::maxThresholds; ++j) {
      manySteps.thresholds.push_back(6 * j - 190);
      manySteps.pieces.push_back({j % 7, j % 3 - 1, 0});
    }
    for (const Curve &curve : {clip, hardSwish, stairs, leaky, manySteps})
      for (Window window : {Window{3, 12}, Window{0, 9}, Window{4, 9}}) {
        SCOPED_TRACE(fmt::format("{} pieces, window [{}, {})", curve.pieces.size(), window.low,
                                 window.high));
        runPlan(splinePlan(131, 4, window, protocol, curve), {}, {wholeRing(131)}, kernels());
        runPlan(splinePlan(131, 0, window, protocol, curve), {}, {wholeRing(131)}, kernels());

        // All arguments of the range, thresholds and their neighbours included.
        Values z;
        for (int64_t value = -200; value <= 200; ++value)
          z.push_back(value);
        Values y = runPlan(splinePlan(z.size(), 4, window, protocol, curve), {}, {z}, kernels())[0];
        for (size_t i = 0; i < z.size(); ++i)
          ASSERT_TRUE(possible(curve, z[i], y[i], 4, window.low))
              << "z = " << z[i] << ", y = " << y[i];
      }
  }

  /// y is the value of a piece that may hold near z, at one of the two ways to round v.
  static bool possible(const Curve &curve, int64_t z, int64_t y, unsigned shift, unsigned low) {
    const int64_t doubt = low == 0 ? 0 : int64_t(1) << (low - 1); // half the step of the window
    for (size_t j = 0; j < curve.pieces.size(); ++j) {
      if ((j > 0 && z < curve.thresholds[j - 1] - doubt) ||
          (j < curve.thresholds.size() && z >= curve.thresholds[j] + doubt))
        continue;
      const auto &[c0, c1, c2] = curve.pieces[j];
      for (int64_t v : {z >> shift, (z >> shift) + 1})
        if (y == c0 + c1 * v + c2 * v * v)
          return true;
    }
    return false;
  }
};

TEST_P(ComparisonGatesTest, ReluByTable) { testRelu(SignWindow::TABLE); }
TEST_P(ComparisonGatesTest, ReluByOneHotChunks) { testRelu(SignWindow::ONE_HOT); }
TEST_P(ComparisonGatesTest, ReluByKey) { testRelu(SignWindow::DCF); }
TEST_P(ComparisonGatesTest, SplineByTable) { testSpline(SignWindow::TABLE); }
TEST_P(ComparisonGatesTest, SplineByOneHotChunks) { testSpline(SignWindow::ONE_HOT); }
TEST_P(ComparisonGatesTest, SplineByKey) { testSpline(SignWindow::DCF); }

TEST_P(ComparisonGatesTest, ReluKeepsMostSmallNegativeValuesOut) {
  // Below the window's step the sign is random with P(positive) = 1/2 + z / 2^low, so at z =
  // -2^(low-2) a quarter passes.
  constexpr size_t count = 20000;
  const unsigned low = 6;
  Values z(count, -16),
      y = runPlan(reluPlan(count, 0, {low, 12}, SignWindow::TABLE), {}, {z}, kernels())[0];
  auto passed = static_cast<double>(std::count(y.begin(), y.end(), -16));
  EXPECT_EQ(static_cast<size_t>(passed + static_cast<double>(std::count(y.begin(), y.end(), 0))),
            count);
  EXPECT_NEAR(passed / count, 0.25, 0.02);
}

TEST_P(ComparisonGatesTest, AllSizesAcrossBlocks) {
  for (size_t count : {1u, 2u, 7u, 8u, 9u, 63u, 511u, 512u, 513u, 1030u})
    for (SignWindow::Protocol protocol :
         {SignWindow::TABLE, SignWindow::ONE_HOT, SignWindow::DCF}) {
      SCOPED_TRACE(fmt::format("{} elements, protocol {}", count, static_cast<int>(protocol)));
      runPlan(reluPlan(count, 5, {4, 11}, protocol), {}, {fixedValues(count, 11, count)},
              kernels());
    }
}

INSTANTIATE_TEST_SUITE_P(All, ComparisonGatesTest, everyKernelAndRing(), kernelAndRing);
INSTANTIATE_TEST_SUITE_P(EmulatedCuda, ComparisonGatesTest, emulatedCudaAndRing(), kernelAndRing);

TEST(ComparisonCostTest, TableReluDealsThirtyOneBytes) {
  PlanBuilder builder(32);
  builder.output(builder.relu(builder.open(builder.input({1000})), 12, 8, 15, SignWindow::TABLE));
  Cost cost = makeGate(builder.build(), 2)->cost();
  EXPECT_EQ(cost.dealtBytes[0] + cost.dealtBytes[1], 1000 * (16 + 15));
  // The table to one server, most words to the other.
  EXPECT_GT(std::min(cost.dealtBytes[0], cost.dealtBytes[1]), 1000u * 10);
  EXPECT_EQ(cost.messageBytes, (std::vector<uint64_t>{125}));
}

TEST(ComparisonCostTest, OneHotReluDealsAboutTwentyBytesForTheComparison) {
  PlanBuilder builder(34);
  builder.output(builder.relu(builder.open(builder.input({8})), 12, 0, 32, SignWindow::ONE_HOT));
  Cost cost = makeGate(builder.build(), 2)->cost();
  // Eight chunks of 16 bits and 11 ANDs, then [ρ], [V], [ρV], [u], [ρu].
  EXPECT_EQ(cost.dealtBytes[0] + cost.dealtBytes[1], 8 * 16 + 11 + (3 * 34 + 2 * 12));
  EXPECT_EQ(cost.messageBytes, (std::vector<uint64_t>{11, 5, 2, 1}));
}

TEST(ComparisonCostTest, KeyReluNeedsNoExchange) {
  PlanBuilder builder(32);
  builder.output(builder.relu(builder.open(builder.input({1000})), 12, 8, 15, SignWindow::DCF));
  Cost cost = makeGate(builder.build(), 2)->cost();
  EXPECT_TRUE(cost.messageBytes.empty());
  EXPECT_GT(cost.aesBlocks, 0u);
  EXPECT_GT(cost.dealtBytes[0], 0u);
}

} // namespace
} // namespace gfs
