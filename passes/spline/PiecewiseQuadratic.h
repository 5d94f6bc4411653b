// SPDX-License-Identifier: Apache-2.0
// Piecewise quadratics in real numbers and in integers: what a spline gate computes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace gfs {

/// c0 + c1 x + c2 x^2.
struct Quadratic {
  double c0 = 0, c1 = 0, c2 = 0;
  double operator()(double x) const { return c0 + x * (c1 + x * c2); }
  bool operator==(const Quadratic &) const = default;
};

/// Piece j holds for knots[j - 1] <= x < knots[j]; knots ascend, and there is one piece more.
struct PiecewiseQuadratic {
  std::vector<double> knots;
  std::vector<Quadratic> pieces;

  double operator()(double x) const;
  /// Of the pieces.
  unsigned degree() const;
  /// The pieces that can hold for low <= x <= high, and the knots between them. At least one knot
  /// stays (a spline gate has one), moved to `high` if it lay outside.
  PiecewiseQuadratic within(double low, double high) const;
};

/// The same in integers: v stands for v 2^-operandScale, the value for value 2^-resultScale.
struct IntegerSpline {
  std::vector<std::array<int64_t, 3>> pieces; ///< Of 1, v, v^2.
  int operandScale = 0, resultScale = 0;

  /// Rounds coefficients; the value in the middle of each piece (at the knot, for the two outer
  /// ones) then is right to half a unit in the last place. Fails (empty pieces) if one leaves 62
  /// bits.
  static IntegerSpline round(const PiecewiseQuadratic &spline, int operandScale, int resultScale);
};

} // namespace gfs
