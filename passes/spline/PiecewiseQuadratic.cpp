// SPDX-License-Identifier: Apache-2.0
#include "passes/spline/PiecewiseQuadratic.h"

#include <algorithm>
#include <cmath>

namespace gfs {

double PiecewiseQuadratic::operator()(double x) const {
  auto piece = std::upper_bound(knots.begin(), knots.end(), x) - knots.begin();
  return pieces[static_cast<size_t>(piece)](x);
}

unsigned PiecewiseQuadratic::degree() const {
  unsigned degree = 0;
  for (const Quadratic &piece : pieces)
    degree = std::max(degree, piece.c2 != 0 ? 2u : piece.c1 != 0 ? 1u : 0u);
  return degree;
}

PiecewiseQuadratic PiecewiseQuadratic::within(double low, double high) const {
  auto first = std::upper_bound(knots.begin(), knots.end(), low),
       last = std::lower_bound(first, knots.end(), high);
  PiecewiseQuadratic result;
  result.knots.assign(first, last);
  result.pieces.assign(pieces.begin() + (first - knots.begin()),
                       pieces.begin() + (last - knots.begin()) + 1);
  if (result.knots.empty()) {
    result.knots.push_back(high);
    result.pieces.push_back(result.pieces.front());
  }
  return result;
}

IntegerSpline IntegerSpline::round(const PiecewiseQuadratic &spline, int operandScale,
                                   int resultScale) {
  IntegerSpline result{{}, operandScale, resultScale};
  const size_t last = spline.knots.size();
  for (size_t j = 0; j <= last; ++j) {
    const double left = spline.knots[j == 0 ? 0 : j - 1],
                 right = spline.knots[j == last ? last - 1 : j], middle = (left + right) / 2;
    const Quadratic &piece = spline.pieces[j];
    auto rounded = [&](double value, int scale) { return std::rint(std::ldexp(value, scale)); };
    double c2 = rounded(piece.c2, resultScale - 2 * operandScale),
           c1 = rounded(piece.c1, resultScale - operandScale);
    Quadratic held{0, std::ldexp(c1, operandScale - resultScale),
                   std::ldexp(c2, 2 * operandScale - resultScale)};
    double c0 = rounded(piece(middle) - held(middle), resultScale);
    constexpr double limit = 0x1p62;
    if (!(std::fabs(c0) < limit && std::fabs(c1) < limit && std::fabs(c2) < limit))
      return {{}, operandScale, resultScale};
    result.pieces.push_back(
        {static_cast<int64_t>(c0), static_cast<int64_t>(c1), static_cast<int64_t>(c2)});
  }
  return result;
}

} // namespace gfs
