// SPDX-License-Identifier: Apache-2.0
// The fit itself, on functions with known answers.
#include "passes/spline/SplineFit.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gfs {
namespace {

FitGoal goalFor(std::function<double(double)> function, double low, double high, double error) {
  FitGoal goal;
  goal.function = std::move(function);
  goal.low = low;
  goal.high = high;
  goal.error = error;
  return goal;
}

TEST(SplineFit, NeedsOnePieceForAQuadratic) {
  SplineFit fit = fitSpline(goalFor([](double x) { return 3 - 2 * x + 0.5 * x * x; }, -2, 5, 1e-6));
  ASSERT_EQ(fit.spline.knots.size(), 2u); // constants outside
  EXPECT_NEAR(fit.spline.pieces[1].c2, 0.5, 1e-6);
  EXPECT_NEAR(fit.spline.pieces[1].c1, -2, 1e-5);
  EXPECT_LE(fit.error, 1e-6);
}

TEST(SplineFit, EndsAPieceAtAKink) {
  FitGoal goal = goalFor([](double x) { return std::fabs(x); }, -1, 2, 1e-6);
  goal.kinks = {0};
  SplineFit fit = fitSpline(goal);
  ASSERT_EQ(fit.spline.knots.size(), 3u);
  EXPECT_EQ(fit.spline.knots[1], 0);
  EXPECT_LE(fit.error, 1e-6);
}

TEST(SplineFit, MatchesTheErrorOfACubicPiece) {
  // On [0, h] a cubic x^3 met at both ends leaves h^3 / (12 sqrt 3) at best.
  FitGoal goal = goalFor([](double x) { return x * x * x; }, 0, 2, 10);
  SplineFit fit = fitSpline(goal);
  EXPECT_NEAR(fit.error, 8 / (12 * std::sqrt(3.0)), 0.01);
}

TEST(SplineFit, HonoursTheQuantum) {
  FitGoal goal = goalFor([](double x) { return std::exp(x); }, -2, 1, 0.01);
  goal.quantum = 0x1p-3;
  SplineFit fit = fitSpline(goal);
  EXPECT_LE(fit.error, 0.01);
  for (const Quadratic &piece : fit.spline.pieces)
    EXPECT_EQ(std::ldexp(piece.c2, 3), std::rint(std::ldexp(piece.c2, 3)));
}

TEST(SplineFit, UsesAnAsymptoteAsSoonAsItIsGoodEnough) {
  FitGoal goal = goalFor([](double x) { return std::tanh(x); }, -10, 10, 0.01);
  goal.below = Quadratic{-1, 0, 0};
  goal.above = Quadratic{1, 0, 0};
  SplineFit fit = fitSpline(goal);
  EXPECT_EQ(fit.spline.pieces.front(), (Quadratic{-1, 0, 0}));
  EXPECT_NEAR(fit.spline.pieces.back()(20), 1, 1e-12);
  EXPECT_GT(fit.spline.knots.front(), -5);
  EXPECT_LE(fit.error, 0.01);
}

TEST(SplineFit, SaysWhichErrorTooFewKnotsLeave) {
  FitGoal goal = goalFor([](double x) { return std::sin(8 * x); }, 0, 6, 1e-4);
  SplineFit fit = fitSpline(goal);
  EXPECT_LE(fit.spline.knots.size(), 16u);
  EXPECT_GT(fit.error, 1e-4);
  EXPECT_LT(fit.error, 2);
}

TEST(IntegerSpline, RefusesCoefficientsBeyond62Bits) {
  PiecewiseQuadratic spline{{0}, {{0, 0, 0}, {0, 1e9, 0}}};
  EXPECT_TRUE(IntegerSpline::round(spline, 0, 40).pieces.empty());
  EXPECT_FALSE(IntegerSpline::round(spline, 0, 20).pieces.empty());
}

TEST(PiecewiseQuadratic, FindsThePieceOfAPoint) {
  PiecewiseQuadratic spline{{-1, 1}, {{-1, 0, 0}, {0, 1, 0}, {1, 0, 0}}};
  EXPECT_EQ(spline(-1.5), -1);
  EXPECT_EQ(spline(0.25), 0.25);
  EXPECT_EQ(spline(1), 1);
  EXPECT_EQ(spline.degree(), 1u);
  EXPECT_EQ(spline.within(0, 3).knots, std::vector<double>{1});
  EXPECT_EQ(spline.within(-0.5, 0.5).knots, std::vector<double>{0.5});
}

} // namespace
} // namespace gfs
