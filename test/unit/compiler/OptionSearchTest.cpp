// SPDX-License-Identifier: Apache-2.0
// The search for ring and windows, on networks whose error is known as a formula.
#include "compiler/calibrate/OptionSearch.h"

#include "runtime/base/Error.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gfs {
namespace {

using testing::HasSubstr;

std::vector<OutputSamples> oneOutput(std::vector<float> values, size_t rowLength) {
  return {OutputSamples{std::move(values), rowLength}};
}

/// A network with outputs of spread 1, that deviate by 2^-(ring - 14) and 2^-window, on top of each
/// other.
class FormulaNetwork {
public:
  explicit FormulaNetwork(unsigned leastRing) : leastRing(leastRing) {}

  static std::vector<OutputSamples> reference() {
    return oneOutput({1, -1, 1, -1, 1, -1, 1, -1}, 2);
  }
  static double error(const FixedOptions &options) {
    return std::hypot(std::ldexp(1.0, 14 - static_cast<int>(options.ringBits)),
                      std::ldexp(1.0, -static_cast<int>(options.windowBits)));
  }
  std::optional<std::vector<OutputSamples>> operator()(const FixedOptions &options) const {
    ++runs;
    if (options.ringBits < leastRing)
      return std::nullopt;
    auto outputs = reference();
    for (float &value : outputs[0].values)
      value += static_cast<float>(error(options));
    return outputs;
  }

  mutable unsigned runs = 0;

private:
  unsigned leastRing;
};

SearchResult search(const FormulaNetwork &network, const SearchGoal &goal,
                    const FixedOptions &start = {}) {
  return searchFixedOptions(start, goal, FormulaNetwork::reference(),
                            [&](const FixedOptions &options) { return network(options); });
}

TEST(CompareOutputs, MeasuresErrorAgainstSpread) {
  // Spread of 2, 4 about their mean is 1; both are off by 0.5.
  Deviation deviation = compareOutputs(oneOutput({2, 4}, 1), oneOutput({2.5, 3.5}, 1));
  EXPECT_DOUBLE_EQ(deviation.relativeError, 0.5);
  EXPECT_EQ(deviation.disagreement, 0);
  EXPECT_EQ(deviation.expectedDisagreement, 0);
}

TEST(CompareOutputs, TakesTheSizeOfConstantOutputs) {
  EXPECT_DOUBLE_EQ(compareOutputs(oneOutput({4, 4}, 1), oneOutput({5, 5}, 1)).relativeError, 0.25);
}

TEST(CompareOutputs, CountsOtherWinners) {
  Deviation deviation =
      compareOutputs(oneOutput({0, 1, 2, /**/ 5, 1, 0}, 3), oneOutput({0, 3, 2, /**/ 4, 1, 0}, 3));
  EXPECT_DOUBLE_EQ(deviation.disagreement, 0.5);
}

TEST(CompareOutputs, ExpectsDisagreementFromMargins) {
  // Margins 1 and 3; the margin's error is 1 both times: P(error > margin) is Q(1) and Q(3).
  Deviation deviation = compareOutputs(oneOutput({0, 1, 0, 3}, 2), oneOutput({0, 2, 1, 3}, 2));
  EXPECT_NEAR(deviation.expectedDisagreement, (0.158655 + 0.00134990) / 2, 1e-6);
}

TEST(CompareOutputs, ReportsTheWorstOutput) {
  std::vector<OutputSamples> reference = {{{2, 4}, 1}, {{2, 4}, 1}},
                             candidate = {{{2, 4}, 1}, {{2.5, 3.5}, 1}};
  EXPECT_DOUBLE_EQ(compareOutputs(reference, candidate).relativeError, 0.5);
}

TEST(SearchFixedOptions, FindsTheNarrowestRingThenTheShortestWindow) {
  // hypot(2^(14 - l), 2^-12) <= 0.02 / sqrt 2 needs l = 21, then hypot(2^-7, 2^-n) <= 0.02 needs n
  // = 6.
  FormulaNetwork network(18);
  SearchResult result = search(network, {.tolerance = 0.02});
  EXPECT_EQ(result.options.ringBits, 21u);
  EXPECT_EQ(result.options.windowBits, 6u);
  EXPECT_NEAR(result.deviation.relativeError, FormulaNetwork::error(result.options), 1e-6);
  EXPECT_EQ(result.trials, network.runs) << "no choice of options runs twice";
  EXPECT_LE(network.runs, 8u);
}

TEST(SearchFixedOptions, FillsTheLastChunkOfALongWindow) {
  EXPECT_EQ(fullWindow(8), 8u);
  EXPECT_EQ(fullWindow(9), 12u);
  EXPECT_EQ(fullWindow(12), 12u);
  // hypot(2^-12, 2^-n) <= 0.002 needs n = 9, and 12 bits cost the same.
  EXPECT_EQ(search(FormulaNetwork(26), {.tolerance = 0.002}).options.windowBits, 12u);
}

TEST(SearchFixedOptions, PassesOverRingsThatDoNotCompile) {
  FormulaNetwork network(30);
  EXPECT_EQ(search(network, {.tolerance = 0.02}).options.ringBits, 30u);
}

TEST(SearchFixedOptions, GoesBeyondOneWordWhereItMust) {
  FormulaNetwork network(37);
  EXPECT_EQ(search(network, {.tolerance = 0.02}).options.ringBits, 37u);
}

// A ring of 32 bits deviates by 2^-18: more than 2^-18 * 1.1 / sqrt(2), but windows can make up for
// it.
TEST(SearchFixedOptions, TakesALongerWindowRatherThanTwoWords) {
  FixedOptions options =
      search(FormulaNetwork(26), {.tolerance = 0x1.1999p-18, .greatestWindow = 24}).options;
  EXPECT_EQ(options.ringBits, 32u);
  EXPECT_EQ(options.windowBits, 20u);
}

TEST(SearchFixedOptions, KeepsWhatWasChosen) {
  FixedOptions start;
  start.ringBits = 27;
  start.windowBits = 8;
  SearchResult result = search(
      FormulaNetwork(18), {.chooseRing = false, .chooseWindow = false, .tolerance = 0.02}, start);
  EXPECT_EQ(result.options.ringBits, 27u);
  EXPECT_EQ(result.options.windowBits, 8u);
  EXPECT_EQ(result.trials, 1u);
}

// hypot(2^-12, 2^-n) <= 0.002 needs ring 26 and n = 9; rings 27 and 28 do not make 8 bits do.
TEST(SearchFixedOptions, TakesTheCheapestPointThatIsPreciseEnough) {
  using Point = std::pair<unsigned, unsigned>;
  auto chosen = [](auto cost) {
    SearchGoal goal{.tolerance = 0.002};
    goal.cost = cost;
    FixedOptions options = search(FormulaNetwork(26), goal).options;
    return Point(options.ringBits, options.windowBits);
  };
  EXPECT_EQ(chosen([](const FixedOptions &o) { return double(o.windowBits); }), Point(26, 9));
  EXPECT_EQ(chosen([](const FixedOptions &o) { return -double(o.windowBits); }), Point(26, 12));
  EXPECT_EQ(chosen([](const FixedOptions &) { return 0.0; }), Point(26, 12)) << "ties: the first";
}

// hypot(2^-8, 2^-n) <= 0.0163 needs n = 7; with one bit more in the ring, 6 bits do.
TEST(SearchFixedOptions, TakesAWiderRingForAShorterWindow) {
  SearchGoal goal{.tolerance = 0.0158};
  goal.leastRing = 22;
  EXPECT_EQ(search(FormulaNetwork(18), goal).options.windowBits, 7u);
  goal.cost = [](const FixedOptions &options) { return double(options.windowBits); };
  FixedOptions options = search(FormulaNetwork(18), goal).options;
  EXPECT_EQ(options.windowBits, 6u);
  EXPECT_GT(options.ringBits, 22u);
  EXPECT_LE(FormulaNetwork::error(options), goal.tolerance);
}

TEST(SearchFixedOptions, LeavesExactWindowsAlone) {
  FixedOptions start;
  start.exact = true;
  start.windowBits = 8;
  EXPECT_EQ(search(FormulaNetwork(18), {.tolerance = 0.02}, start).options.windowBits, 8u);
}

TEST(SearchFixedOptions, SaysHowFarItGot) {
  try {
    search(FormulaNetwork(18), {.tolerance = 1e-5});
    FAIL() << "no window of 12 bits comes to 1e-5";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::RangeCheck);
    EXPECT_THAT(
        error.what(),
        HasSubstr("deviate by 0.000244 of their spread in a ring of 48 bits, 1e-05 is allowed"));
    EXPECT_THAT(error.hint(), HasSubstr("the nearest that is reached so: --tolerance 0.000245"));
  }
}

TEST(SearchFixedOptions, SaysWhenNothingCompiles) {
  try {
    search(FormulaNetwork(60), {});
    FAIL() << "no ring up to 48 bits compiles";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::RangeCheck);
    EXPECT_THAT(error.what(), HasSubstr("does not fit into a ring of 48 bits"));
  }
}

} // namespace
} // namespace gfs
