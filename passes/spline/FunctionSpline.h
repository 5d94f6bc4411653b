// SPDX-License-Identifier: Apache-2.0
// The functions of nn.function as piecewise quadratics of values as they are held.
#pragma once

#include "dialects/nn/NnFunctions.h"
#include "passes/spline/SplineFit.h"

#include <cmath>

namespace gfs {

/// A function as it is asked for. The operand is held as y with x = y * operandFactor.
struct FunctionGoal {
  nn::FunctionKind kind;
  std::vector<double> parameters;
  double operandFactor = 1;
  double low = 0, high = 0; ///< Of y in calibration.
  double atMost = HUGE_VAL; ///< y never exceeds this, nor `high` if that is larger.
  double headroom = 1;      ///< y may become as large as this many times the largest one.
  double error = 0;         ///< Bound relative to the spread of the function's values,
  /// or to the geometric mean of that and the least value: of an inverse, which what it multiplies
  /// is off by relative to itself. Errors relative to the least value would cost a bit of the ring
  /// for each octave between both, these cost half.
  bool towardsLeast = false;
  size_t mostKnots = 16;
  bool settled = false; ///< Wanted with resultFactor 1, rounding coefficients.

  auto operator<=>(const FunctionGoal &) const = default;
};

/// value = spline(y) * resultFactor.
struct FunctionSpline {
  PiecewiseQuadratic spline;
  double resultFactor = 1;
  /// Largest error of spline(y) between low and high; 0: the function is itself piecewise
  /// quadratic. Beyond, within the head-room, errors may be four times as large or more, where the
  /// function changes more there.
  double error = 0;
  /// Quadratic coefficients are multiples of 2^-quadraticBits; linear ones may be rounded to
  /// multiples of 2^-linearBits.
  int quadraticBits = 0, linearBits = 0;
  double magnitude =
      0; ///< Largest |spline(y)| of all y of the largest magnitude that head-room allows.
  double slope = 0; ///< Largest |d spline / dy| there.
};

/// The factor that the result of a function is held without.
double functionResultFactor(nn::FunctionKind kind, llvm::ArrayRef<double> parameters,
                            double operandFactor);

/// The goal's range lies in the function's domain. Clip, hard sigmoid, hard swish and the
/// thresholded ReLU come out exactly; others are fitted with error at most `error` times the spread
/// of the function's values between low and high, as far as `mostKnots` allows. Remembers what was
/// asked for: the search for formats asks for the same again and again. From any thread.
FunctionSpline splineOf(const FunctionGoal &goal);

} // namespace gfs
