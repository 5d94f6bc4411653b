// SPDX-License-Identifier: Apache-2.0
// Least-squares polynomials for what a channel should compute, safe beyond the data.
#pragma once

#include "compiler/choose/Variant.h"

#include <array>
#include <span>

namespace gfs {

/// One channel's samples: the activation's operand z and what it should give, y. Both are walked
/// twice, so they stay with the caller.
class PolynomialFit {
public:
  /// Mean and deviation of the operand, which standardise it.
  void observe(std::span<const float> z);
  /// After all of `observe`: sums moments. `z` and `y` have the same length.
  void add(std::span<const float> z, std::span<const float> y);
  /// Instead of `add`: the ReLU itself at evenly spaced z, three deviations to either side of the
  /// mean, however rare they are.
  void addEvenly();
  /// The polynomial of at most that degree, 0 to 2. Nearly straight quadratics come out as lines.
  Polynomial solve(unsigned degree) const;

private:
  double mean() const { return count > 0 ? sum / count : 0; }
  double deviation() const;
  void addOne(double t, double y, double weight);

  double count = 0, sum = 0, squares = 0;
  size_t seen = 0;                     ///< Samples added; some are repeated further out.
  std::array<double, 5> powers = {};   ///< sum w t^k, t = (z - mean) / deviation.
  std::array<double, 3> products = {}; ///< sum w t^k y.
};

} // namespace gfs
