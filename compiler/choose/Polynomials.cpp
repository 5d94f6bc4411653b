// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/Polynomials.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace gfs {

/// A parabola that only knows the data may leave it steeply, and a network feeds such values back
/// into the next parabola. So some samples are repeated `stretch` times as far from the mean, where
/// the ReLU itself says what is right: one in `stretchEvery`, in total with `stretchShare` of the
/// weight of the data.
static constexpr double stretch = 1.7, stretchShare = 0.02;
static constexpr size_t stretchEvery = 8;
/// Points of an even fit: deviations to either side, and how many of them.
static constexpr double evenRange = 3;
static constexpr int evenSteps = 100;
/// A quadratic runs as a (z - v)^2 + c. Where the vertex v lies farther than so many deviations
/// from the mean, most of the square cancels against c, and its rounding counts so many times as
/// much; a ReLU about zero has v at 1.25 deviations. Beyond, a line does nearly as well.
static constexpr double farthestVertex = 3;
/// Relative to the diagonal; only keeps a channel that is constant from dividing by zero.
static constexpr double fitRidge = 1e-6;

void PolynomialFit::observe(std::span<const float> z) {
  count += static_cast<double>(z.size());
  for (float value : z) {
    sum += value;
    squares += double(value) * value;
  }
}

double PolynomialFit::deviation() const {
  double variance = count > 0 ? squares / count - mean() * mean() : 0;
  double floor = 1e-6 * std::max(1.0, std::abs(mean()));
  return std::max(std::sqrt(std::max(variance, 0.0)), floor);
}

void PolynomialFit::addOne(double t, double y, double weight) {
  double power = weight;
  for (size_t k = 0; k < powers.size(); ++k, power *= t) {
    powers[k] += power;
    if (k < products.size())
      products[k] += power * y;
  }
}

void PolynomialFit::add(std::span<const float> z, std::span<const float> y) {
  double middle = mean(), scale = deviation();
  for (size_t i = 0; i < z.size(); ++i) {
    double t = (z[i] - middle) / scale;
    addOne(t, y[i], 1);
    if (seen++ % stretchEvery == 0)
      addOne(stretch * t, std::max(middle + stretch * t * scale, 0.0),
             stretchShare * static_cast<double>(stretchEvery));
  }
}

void PolynomialFit::addEvenly() {
  double middle = mean(), scale = deviation();
  for (int i = -evenSteps; i <= evenSteps; ++i) {
    double t = evenRange * i / evenSteps;
    addOne(t, std::max(middle + t * scale, 0.0), 1);
  }
}

Polynomial PolynomialFit::solve(unsigned degree) const {
  auto size = static_cast<Eigen::Index>(std::min(degree, 2u)) + 1;
  Eigen::MatrixXd normal(size, size);
  Eigen::VectorXd right(size);
  for (Eigen::Index i = 0; i < size; ++i) {
    right(i) = products[static_cast<size_t>(i)];
    for (Eigen::Index j = 0; j < size; ++j)
      normal(i, j) = powers[static_cast<size_t>(i + j)];
  }
  normal.diagonal() *= 1 + fitRidge;
  normal.diagonal().array() += fitRidge * powers[0] + 1e-30;
  Eigen::VectorXd solution = Eigen::VectorXd::Zero(3);
  solution.head(size) = normal.ldlt().solve(right);
  if (size == 3 && std::abs(solution(1)) > 2 * farthestVertex * std::abs(solution(2)))
    return solve(1);
  // From t = (z - m) / s back to z: a' = a / s^2, b' = b / s - 2 a m / s^2, c' = a m^2 / s^2 - b m
  // / s + c.
  double s = deviation(), m = mean();
  double a = solution(2) / (s * s), b = solution(1) / s;
  return {a, b - 2 * a * m, (a * m - b) * m + solution(0)};
}

} // namespace gfs
