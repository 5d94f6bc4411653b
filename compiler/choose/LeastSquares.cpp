// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/LeastSquares.h"

#include "runtime/base/Error.h"

#include <Eigen/Cholesky>
#include <dnnl.h>

namespace gfs {

// oneDNN's product picks the processor's widest instructions at run time, which headers cannot.
static void gemm(char transposeA, size_t m, size_t n, size_t k, const float *a, size_t lda,
                 const float *b, float beta, float *c) {
  auto extent = [](size_t value) { return static_cast<dnnl_dim_t>(value); };
  dnnl_status_t status = dnnl_sgemm(transposeA, 'N', extent(m), extent(n), extent(k), 1.0f, a,
                                    extent(lda), b, extent(n), beta, c, extent(n));
  check(status == dnnl_success, "a matrix product of valid extents");
}

void addTransposedProduct(size_t m, size_t n, size_t k, const float *a, const float *b, float *c) {
  gemm('T', m, n, k, a, m, b, 1.0f, c);
}

void multiply(size_t m, size_t n, size_t k, const float *a, const float *b, float *c) {
  gemm('N', m, n, k, a, k, b, 0.0f, c);
}

RidgeRegression::RidgeRegression(size_t features, size_t targets)
    : features(features), targets(targets), gram(features * features), moments(features * targets) {
}

void RidgeRegression::add(size_t count, const float *u, const float *residual) {
  addTransposedProduct(features, features, count, u, u, gram.data());
  addTransposedProduct(features, targets, count, u, residual, moments.data());
  rows += count;
}

std::vector<float> RidgeRegression::solve(double ridge) const {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using FloatMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  auto f = static_cast<Eigen::Index>(features), t = static_cast<Eigen::Index>(targets);
  Matrix normal = Eigen::Map<const FloatMatrix>(gram.data(), f, f).cast<double>();
  Matrix right = Eigen::Map<const FloatMatrix>(moments.data(), f, t).cast<double>();
  double perRow = static_cast<double>(features) / static_cast<double>(std::max<size_t>(rows, 1));
  // A feature that is always zero must not make the equations singular.
  double added = (ridge + perRow) * normal.trace() / static_cast<double>(features) + 1e-30;
  normal.diagonal().array() += added;
  FloatMatrix solution = normal.llt().solve(right).transpose().cast<float>();
  return {solution.data(), solution.data() + solution.size()};
}

} // namespace gfs
