// SPDX-License-Identifier: Apache-2.0
// Every function, on ordinary and on awkward ranges: the promised error holds on a dense grid.
#include "passes/spline/FunctionSpline.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gfs {
namespace {

using nn::FunctionKind;

struct Case {
  FunctionKind kind;
  std::vector<double> parameters;
  double low, high;
  double operandFactor = 1;
};

constexpr double headroom = 2, relativeError = 1.0 / 1024;

FunctionGoal goalOf(const Case &test) {
  FunctionGoal goal;
  goal.kind = test.kind;
  goal.parameters = test.parameters;
  goal.operandFactor = test.operandFactor;
  goal.low = test.low;
  goal.high = test.high;
  goal.headroom = headroom;
  goal.error = relativeError;
  return goal;
}

std::vector<Case> cases() {
  std::vector<Case> list;
  auto add = [&](FunctionKind kind, std::vector<double> parameters) {
    for (auto [low, high, factor] : std::vector<std::array<double, 3>>{{-4, 4, 1},
                                                                       {-8, 6, 1},
                                                                       {-30, 30, 1},
                                                                       {-300, 1, 1},
                                                                       {-0.25, 0.25, 1},
                                                                       {-5, -2, 1}, // one side only
                                                                       {2, 40, 1},
                                                                       {-3, 0.0625, 0.6},
                                                                       {-0x1p-10, 0x1p-10, 1}})
      list.push_back({kind, parameters, low, high, factor});
  };
  add(FunctionKind::Clip, {0, 6});
  add(FunctionKind::Clip, {-1, 1});
  add(FunctionKind::HardSigmoid, {0.2, 0.5});
  add(FunctionKind::HardSwish, {});
  add(FunctionKind::ThresholdedRelu, {1});
  add(FunctionKind::Sigmoid, {});
  add(FunctionKind::Tanh, {});
  add(FunctionKind::Silu, {1});
  add(FunctionKind::Gelu, {});
  add(FunctionKind::GeluTanh, {});
  add(FunctionKind::Erf, {});
  add(FunctionKind::Elu, {1});
  add(FunctionKind::Elu, {0.5});
  add(FunctionKind::Selu, {1.6732632423543772, 1.0507009873554805});
  add(FunctionKind::Celu, {2});
  add(FunctionKind::Softplus, {});
  add(FunctionKind::Softsign, {});
  add(FunctionKind::Mish, {});
  for (auto [low, high] : std::vector<std::array<double, 2>>{{-4, 1}, {-1, 3}, {-20, 0}})
    list.push_back({FunctionKind::Exp, {}, low, high});
  for (FunctionKind kind :
       {FunctionKind::Log, FunctionKind::Sqrt, FunctionKind::Rsqrt, FunctionKind::Reciprocal})
    for (auto [low, high] : std::vector<std::array<double, 2>>{{0.5, 2}, {1, 16}, {100, 110}})
      list.push_back({kind, {}, low, high});
  list.push_back({FunctionKind::Reciprocal, {}, -8, -1});
  list.push_back({FunctionKind::Sqrt, {}, 0.001, 4});
  for (double exponent : {0.5, 1.5, 4.0, -2.0})
    list.push_back({FunctionKind::Power, {exponent}, 0.5, 3});
  list.push_back({FunctionKind::Power, {3.0}, -2, 2});
  return list;
}

/// Runs a property's check on every case.
template <class Check> void forEachCase(Check check) {
  for (const Case &test : cases()) {
    SCOPED_TRACE(nn::stringifyFunctionKind(test.kind).str() + " on " + std::to_string(test.low) +
                 ".." + std::to_string(test.high));
    check(test, splineOf(goalOf(test)));
  }
}

TEST(EveryFunction, MeetsItsBoundOnTheCalibratedRange) {
  forEachCase([](const Case &test, const FunctionSpline &spline) {
    auto function = [&](double y) {
      return evaluateFunction(test.kind, test.parameters, y * test.operandFactor);
    };
    double least = function(test.low), greatest = least, worst = 0, magnitude = 0;
    constexpr int points = 20000;
    for (int i = 0; i <= points; ++i) {
      double y = test.low + (test.high - test.low) * i / points, value = function(y);
      least = std::min(least, value);
      greatest = std::max(greatest, value);
      magnitude = std::max(magnitude, std::fabs(value));
      worst = std::max(worst, std::fabs(spline.spline(y) * spline.resultFactor - value));
    }
    double bound = relativeError * std::max(greatest - least, headroom * magnitude / 64);
    // Softsign on -300..1 needs more pieces than there are.
    if (spline.spline.knots.size() == 16)
      bound = std::max(bound, spline.error);
    EXPECT_LE(worst, bound * 1.01 + 1e-9 * magnitude);
    EXPECT_LE(spline.spline.knots.size(), 16u);
    EXPECT_EQ(spline.spline.pieces.size(), spline.spline.knots.size() + 1);
  });
}

TEST(EveryFunction, StaysBoundedWithinItsHeadRoom) {
  forEachCase([](const Case &test, const FunctionSpline &spline) {
    double reach = headroom * std::max(std::fabs(test.low), std::fabs(test.high));
    for (double y : {-reach, -reach * 0.75, reach * 0.75, reach}) {
      double value = spline.spline(y);
      EXPECT_TRUE(std::isfinite(value));
      EXPECT_LE(std::fabs(value), std::max(spline.magnitude * 2, 1.0)) << y;
    }
  });
}

TEST(EveryFunction, IsContinuousUnlessItsFunctionIsNot) {
  forEachCase([](const Case &test, const FunctionSpline &spline) {
    if (test.kind == FunctionKind::ThresholdedRelu)
      return;
    const PiecewiseQuadratic &pieces = spline.spline;
    for (size_t j = 0; j < pieces.knots.size(); ++j) {
      double y = pieces.knots[j];
      // Where two asymptotes meet, each is within half of the bound, which is larger on rare
      // values.
      EXPECT_NEAR(pieces.pieces[j](y), pieces.pieces[j + 1](y), 4 * spline.error + 1e-9) << y;
    }
  });
}

TEST(EveryFunction, KeepsItsErrorWhenRoundedToIntegers) {
  forEachCase([](const Case &test, const FunctionSpline &spline) {
    const int operandScale = 16, resultScale = std::max(2 * operandScale + spline.quadraticBits,
                                                        operandScale + spline.linearBits);
    IntegerSpline rounded = IntegerSpline::round(spline.spline, operandScale, resultScale);
    ASSERT_EQ(rounded.pieces.size(), spline.spline.pieces.size());
    double worst = 0, magnitude = 0;
    for (int i = 0; i <= 2000; ++i) {
      double v = std::rint(std::ldexp(test.low + (test.high - test.low) * i / 2000, operandScale)),
             y = std::ldexp(v, -operandScale);
      size_t j = 0;
      while (j < spline.spline.knots.size() && y >= spline.spline.knots[j])
        ++j;
      auto [c0, c1, c2] = rounded.pieces[j];
      double value = std::ldexp(double(c0) + v * (double(c1) + v * double(c2)), -resultScale);
      worst = std::max(worst, std::fabs(value - spline.spline(y)));
      magnitude = std::max(magnitude, std::fabs(spline.spline(y)));
    }
    // Linear coefficients are rounded at the operand's scale and more.
    EXPECT_LE(worst, magnitude * 0x1p-12 + 0x1p-14);
  });
}

TEST(FunctionSpline, TakesFactorsOfExactFunctionsOut) {
  // Held without 1/2, a hard swish is x^2/24 of what is held: its result is held without 1/24.
  Case test{FunctionKind::HardSwish, {}, -10, 10, 0.5};
  FunctionSpline spline = splineOf(goalOf(test));
  EXPECT_DOUBLE_EQ(spline.resultFactor, 1.0 / 24);
  EXPECT_DOUBLE_EQ(functionResultFactor(test.kind, {}, 0.5), 1.0 / 24);
  ASSERT_EQ(spline.spline.knots, (std::vector<double>{-6, 6}));
  EXPECT_DOUBLE_EQ(spline.spline.pieces[1].c2, 1);
  EXPECT_DOUBLE_EQ(spline.spline(4) * spline.resultFactor, 2 * 5.0 / 6);
}

TEST(FunctionSpline, DropsPiecesThatNoValueReaches) {
  FunctionSpline spline = splineOf(goalOf({FunctionKind::Clip, {0, 6}, -2, 2}));
  EXPECT_EQ(spline.spline.knots, std::vector<double>{0});
  EXPECT_EQ(spline.spline.degree(), 1u);
}

TEST(FunctionSpline, SpendsNoPieceAboveABound) {
  for (double factor : {1.0, 0.5}) {
    for (double low : {-3.0, -8.0, -40.0}) {
      FunctionGoal goal = goalOf({FunctionKind::Exp, {}, low, 0, factor});
      const FunctionSpline free = splineOf(goal);
      goal.atMost = 0;
      const FunctionSpline bounded = splineOf(goal);
      EXPECT_LT(bounded.spline.pieces.size(), free.spline.pieces.size());
      EXPECT_LT(bounded.spline.knots.back(), 0);
      EXPECT_LT(bounded.magnitude, 1.01);
      for (int i = 0; i <= 4096; ++i) {
        const double y = low * i / 4096;
        EXPECT_NEAR(bounded.spline(y), std::exp(factor * y), 1.3 * relativeError) << y;
      }
      // An operand that rounding lifted a little above the bound.
      EXPECT_NEAR(bounded.spline(0x1p-8), 1, 0x1p-7);
    }
  }
}

TEST(FunctionSpline, TakesABoundBelowWhatWasSeenForWhatWasSeen) {
  FunctionGoal goal = goalOf({FunctionKind::Sigmoid, {}, -4, 4});
  goal.atMost = 1;
  const FunctionSpline spline = splineOf(goal);
  for (int i = 0; i <= 1024; ++i) {
    const double y = -4 + i / 128.0;
    EXPECT_NEAR(spline.spline(y), 1 / (1 + std::exp(-y)), 1.3 * relativeError) << y;
  }
}

TEST(FunctionSpline, HasAPieceForAnOperandThatIsAlwaysAtItsBound) {
  FunctionGoal goal = goalOf({FunctionKind::Exp, {}, 0, 0});
  goal.atMost = 0;
  EXPECT_NEAR(splineOf(goal).spline(0), 1, 2 * relativeError);
}

TEST(FunctionSpline, KeepsErrorsOfInversesSmallBesideTheLeastValue) {
  for (FunctionKind kind : {FunctionKind::Rsqrt, FunctionKind::Reciprocal})
    for (double low : {0.002, 0.05}) {
      FunctionGoal goal = goalOf({kind, {}, low, 1});
      auto worst = [&] {
        const FunctionSpline spline = splineOf(goal);
        EXPECT_LE(spline.spline.knots.size(), goal.mostKnots);
        double error = 0;
        for (int i = 0; i <= 4096; ++i) {
          const double y = low + (1 - low) * i / 4096, value = evaluateFunction(kind, {}, y);
          error = std::max(error, std::fabs(spline.spline(y) - value) / value);
        }
        return error;
      };
      const double before = worst();
      goal.towardsLeast = true;
      goal.mostKnots = 64;
      const double spread = evaluateFunction(kind, {}, low) - 1;
      EXPECT_LT(worst(), before / 1.5);
      EXPECT_LT(worst(), 1.3 * relativeError * std::sqrt(spread));
    }
}

TEST(FunctionSpline, SpendsFewerPiecesOnLooserBounds) {
  Case test{FunctionKind::Sigmoid, {}, -8, 8};
  FunctionGoal goal = goalOf(test);
  size_t before = 17;
  for (double error : {1.0 / 4096, 1.0 / 256, 1.0 / 16}) {
    goal.error = error;
    size_t knots = splineOf(goal).spline.knots.size();
    EXPECT_LT(knots, before);
    before = knots;
  }
}

TEST(FunctionSpline, DoesTheBestItCanWithFewKnots) {
  FunctionGoal goal = goalOf({FunctionKind::Tanh, {}, -8, 8});
  goal.mostKnots = 3;
  FunctionSpline spline = splineOf(goal);
  EXPECT_LE(spline.spline.knots.size(), 3u);
  EXPECT_GT(spline.error, 2 * relativeError);
  EXPECT_LT(spline.error, 0.2);
}

} // namespace
} // namespace gfs
