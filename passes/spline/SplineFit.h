// SPDX-License-Identifier: Apache-2.0
// Fits a continuous piecewise quadratic to a function: as few pieces as an error bound allows.
#pragma once

#include "passes/spline/PiecewiseQuadratic.h"

#include <functional>
#include <optional>

namespace gfs {

struct FitGoal {
  std::function<double(double)> function; ///< Finite on [low, high].
  double low = 0, high = 0;               ///< Where the error is bounded; low < high.
  /// What the function comes close to at its ends; beyond low and high it stays constant where
  /// there is none.
  std::optional<Quadratic> below, above;
  std::vector<double> kinks; ///< Where it is not smooth: pieces end there.
  double error = 0;          ///< The bound asked for, positive.
  /// Outside innerLow..innerHigh errors may be this many times as large, at least 1; fully so from
  /// half that interval's length away.
  double looseness = 1, innerLow = 0, innerHigh = 0;
  size_t mostKnots = 16; ///< At least 2, which some error suffices for.
  /// Quadratic coefficients are multiples of this; 0: any.
  double quantum = 0;
  bool balance = true; ///< Lower the bound as far as the number of pieces lasts.
};

struct SplineFit {
  PiecewiseQuadratic spline;
  /// Largest error on [low, high], errors that may be larger divided by `looseness`; above the
  /// bound asked for only where `mostKnots` did not allow it.
  double error = 0;
};

/// Where an asymptote is within half of the bound it takes over; between the ends, pieces follow
/// each other that meet the function (or the asymptote) at their ends, each as long as the bound
/// allows, with the quadratic coefficient of least error. With the number of pieces found, the
/// bound is then lowered as far as that number lasts, so that no piece is better than it must be.
/// The spline is continuous.
SplineFit fitSpline(const FitGoal &goal);

} // namespace gfs
