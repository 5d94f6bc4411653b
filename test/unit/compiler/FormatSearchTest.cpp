// SPDX-License-Identifier: Apache-2.0
// The search over bits of activations and squares, on networks whose error is known as a formula.
#include "compiler/pipeline/FormatSearch.h"

#include "runtime/base/Error.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gfs {
namespace {

using testing::HasSubstr;

std::vector<OutputSamples> reference() { return {OutputSamples{{1, -1, 1, -1, 1, -1, 1, -1}, 2}}; }

/// Outputs deviate by 2^-activation, by 2^-window, and by 2^(activation - ring + overhead): what a
/// ring leaves for weights is what activations do not take.
struct FormulaNetwork {
  int overhead = 4;
  unsigned squareLoss = 0; ///< Squares deviate by 2^-(squareBits - squareLoss); 0: none.
  double exactLeast = 0;   ///< What deviates even so if windows are not exact.
  /// Of the overhead, what is saved with half a bit more for weights, and with equal bits; without
  /// a value, bits are not divided.
  std::optional<std::pair<int, int>> divisionSaves = {};

  double error(const FixedOptions &formats) const {
    int a = static_cast<int>(formats.activationBits), l = static_cast<int>(formats.ringBits);
    if (formats.equalBits)
      l += divisionSaves.value().second;
    else if (formats.favourWeights > 0)
      l += divisionSaves.value().first;
    double windows = formats.exact ? 0 : std::ldexp(1.0, -static_cast<int>(formats.windowBits));
    double squares =
        squareLoss == 0
            ? 0
            : std::ldexp(1.0, static_cast<int>(squareLoss) - static_cast<int>(formats.squareBits));
    return std::hypot(std::hypot(std::ldexp(1.0, -a), std::ldexp(1.0, a - l + overhead)),
                      std::hypot(windows, squares), formats.exact ? 0 : exactLeast);
  }
  std::optional<std::vector<OutputSamples>> operator()(const FixedOptions &formats) const {
    auto outputs = reference();
    for (float &value : outputs[0].values)
      value += static_cast<float>(error(formats));
    return outputs;
  }
};

double ringCost(const FixedOptions &formats) { return formats.ringBits; }

FormatSearch::Found find(const FormulaNetwork &network, const FormatOptions &given,
                         const std::vector<double> &tolerances,
                         const FormatSearch::Cost &cost = ringCost) {
  auto expected = reference();
  return FormatSearch(
             given,
             {.squares = network.squareLoss != 0, .extraBits = network.divisionSaves.has_value()},
             expected, network, cost)
      .find(tolerances);
}

// 2^-11 is 0.00049, so 11 bits do for 0.001 and leave the narrowest ring; for 0.0004 they do not.
TEST(FormatSearch, TakesAsFewBitsOfActivationsAsWillDo) {
  EXPECT_EQ(find({}, {}, {0.001}).result.options.activationBits, 11u);
  EXPECT_EQ(find({}, {}, {0.0004}).result.options.activationBits, 12u);
}

TEST(FormatSearch, TakesMoreBitsWhereThatMakesTheRingNarrower) {
  // Rounding with 11 bits and windows of 12 deviate by 0.000546: only a wide ring keeps the rest.
  FormulaNetwork network;
  FixedOptions options = find(network, {}, {0.000547}).result.options;
  EXPECT_EQ(options.activationBits, 12u);
  EXPECT_LE(network.error(options), 0.000547);
  FormatOptions eleven;
  eleven.activationBits = 11;
  EXPECT_GT(find(network, eleven, {0.000547}).result.options.ringBits, options.ringBits);
}

TEST(FormatSearch, KeepsWhatWasGiven) {
  FormatOptions given;
  given.activationBits = 14;
  given.ringBits = 31;
  given.windowBits = 9;
  FixedOptions options = find({}, given, {0.01}).result.options;
  EXPECT_EQ(options.activationBits, 14u);
  EXPECT_EQ(options.ringBits, 31u);
  EXPECT_EQ(options.windowBits, 9u);
  EXPECT_FALSE(options.exact);
}

TEST(FormatSearch, ResortsToExactWindows) {
  FixedOptions options = find({.exactLeast = 0.1}, {}, {0.001}).result.options;
  EXPECT_TRUE(options.exact);
  EXPECT_FALSE(find({.exactLeast = 0.1}, {}, {0.2}).result.options.exact);
}

TEST(FormatSearch, TriesTolerancesInTurn) {
  EXPECT_EQ(find({}, {}, {1e-9, 0.001, 0.1}).tolerance, 0.001);
}

// 2^(11 - l + 12) is 0.0005 for 34 bits and 0.002 for 32.
TEST(FormatSearch, TakesACoarserToleranceRatherThanTwoWords) {
  auto words = [](const FixedOptions &formats) { return formats.ringBits > 32 ? 2.0 : 1.0; };
  FormatSearch::Found one = find({.overhead = 12}, {}, {0.001, 0.004}, words);
  EXPECT_LE(one.result.options.ringBits, 32u);
  EXPECT_EQ(one.tolerance, 0.004);
  // Not where it saves little, nor beyond the next tolerance, nor where none is left.
  EXPECT_EQ(find({.overhead = 12}, {}, {0.001, 0.004}).tolerance, 0.001);
  EXPECT_EQ(find({.overhead = 12}, {}, {0.001, 0.0011, 0.004}, words).tolerance, 0.001);
  EXPECT_EQ(find({.overhead = 12}, {}, {0.001}, words).tolerance, 0.001);
}

// 2^-(bits - 10) is 0.004 for 18 bits and 0.016 for 16.
TEST(FormatSearch, TakesTheSquaresThatTheToleranceAsksFor) {
  auto shorter = [](const FixedOptions &formats) {
    return static_cast<double>(formats.ringBits + formats.squareBits);
  };
  EXPECT_EQ(find({.squareLoss = 10}, {}, {0.01}, shorter).result.options.squareBits, 18u);
  EXPECT_EQ(find({.squareLoss = 10}, {}, {0.0009}, shorter).result.options.squareBits, 22u);
}

TEST(FormatSearch, DividesBitsOtherwiseWhereThatMakesTheRingNarrower) {
  const FixedOptions asSaid = find({}, {}, {0.001}).result.options;
  EXPECT_EQ(asSaid.favourWeights, 0);
  EXPECT_FALSE(asSaid.equalBits);
  const FixedOptions favoured =
      find({.divisionSaves = std::pair(2, 1)}, {}, {0.001}).result.options;
  EXPECT_EQ(favoured.ringBits, asSaid.ringBits - 2);
  EXPECT_EQ(favoured.favourWeights, 0.5);
  const FixedOptions equal = find({.divisionSaves = std::pair(1, 2)}, {}, {0.001}).result.options;
  EXPECT_EQ(equal.ringBits, asSaid.ringBits - 2);
  EXPECT_TRUE(equal.equalBits);
  // Not where nothing is saved, and not in a ring that was asked for.
  const FixedOptions none = find({.divisionSaves = std::pair(0, -1)}, {}, {0.001}).result.options;
  EXPECT_EQ(none.ringBits, asSaid.ringBits);
  EXPECT_EQ(none.favourWeights, 0);
  EXPECT_FALSE(none.equalBits);
  FormatOptions given;
  given.ringBits = 31;
  EXPECT_FALSE(find({.divisionSaves = std::pair(1, 2)}, given, {0.001}).result.options.equalBits);
}

TEST(FormatSearch, KeepsTheDivisionWhereAnotherCostsMore) {
  auto cost = [](const FixedOptions &formats) {
    return formats.ringBits + (formats.equalBits ? 3.0 : 0.0);
  };
  EXPECT_FALSE(
      find({.divisionSaves = std::pair(0, 2)}, {}, {0.001}, cost).result.options.equalBits);
}

TEST(FormatSearch, TakesAWiderRingForEqualBitsThatCostLess) {
  auto cost = [](const FixedOptions &formats) {
    return formats.ringBits - (formats.equalBits ? 3.0 : 0.0);
  };
  const unsigned ring = find({}, {}, {0.001}).result.options.ringBits;
  const FixedOptions options =
      find({.divisionSaves = std::pair(0, -2)}, {}, {0.001}, cost).result.options;
  EXPECT_TRUE(options.equalBits);
  EXPECT_EQ(options.ringBits, ring + 2);
  EXPECT_FALSE(
      find({.divisionSaves = std::pair(0, -4)}, {}, {0.001}, cost).result.options.equalBits);
}

TEST(FormatSearch, CountsAllTrials) {
  FormatSearch::Found found = find({}, {}, {0.001});
  EXPECT_GT(found.result.trials, 5u);
  EXPECT_LT(found.result.trials, 60u);
}

TEST(FormatSearch, SaysWhatTheMostPreciseFormatsReach) {
  FormatOptions narrow;
  narrow.ringBits = 20; // 2^(a - 16) at least
  try {
    find({}, narrow, {0.001});
    FAIL() << "a ring of 20 bits leaves nothing for weights";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::RangeCheck);
    EXPECT_THAT(error.what(), HasSubstr("in a ring of 20 bits, 0.001 is allowed"));
    EXPECT_THAT(error.hint(), HasSubstr("the nearest that is reached so: --tolerance 0.5"));
  }
}

} // namespace
} // namespace gfs
