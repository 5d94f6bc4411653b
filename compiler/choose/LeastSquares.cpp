// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/LeastSquares.h"

#include "compiler/evaluate/OpenMp.h"
#include "compiler/evaluate/Workers.h"
#include "runtime/base/Error.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <dnnl.h>

namespace gfs {

/// Columns that one worker computes at once of a product: always the same, so that sums do not
/// depend on how many workers there are.
static constexpr size_t columnsAtOnce = 64;

// oneDNN's product picks the processor's widest instructions at run time, which headers cannot.
static void gemm(char transposeA, size_t m, size_t n, size_t k, const float *a, size_t lda,
                 const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  auto extent = [](size_t value) { return static_cast<dnnl_dim_t>(value); };
  dnnl_status_t status = dnnl_sgemm(transposeA, 'N', extent(m), extent(n), extent(k), 1.0f, a,
                                    extent(lda), b, extent(ldb), beta, c, extent(ldc));
  check(status == dnnl_success, "a matrix product of valid extents");
}

void addTransposedProduct(size_t m, size_t n, size_t k, const float *a, const float *b, float *c) {
  gemm('T', m, n, k, a, m, b, n, 1.0f, c, n);
}

void multiply(size_t m, size_t n, size_t k, const float *a, const float *b, float *c) {
  gemm('N', m, n, k, a, k, b, n, 0.0f, c, n);
}

RidgeRegression::RidgeRegression(size_t features, size_t targets)
    : features(features), targets(targets), gram(features * features), moments(features * targets) {
}

void RidgeRegression::add(size_t count, const float *u, const float *residual) {
  const size_t blocks = (features + columnsAtOnce - 1) / columnsAtOnce;
  workers().run(blocks + 1, [&](uint64_t block) {
    const LayersInThisThread alone;
    if (block == blocks) {
      addTransposedProduct(features, targets, count, u, residual, moments.data());
      return;
    }
    // Down to the diagonal: U^T U is symmetric.
    const size_t column = block * columnsAtOnce, end = std::min(column + columnsAtOnce, features);
    gemm('T', end, end - column, count, u, features, u + column, features, 1.0f, &gram[column],
         features);
  });
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
  FloatMatrix solution =
      Eigen::LLT<Matrix, Eigen::Upper>(normal).solve(right).transpose().cast<float>();
  return {solution.data(), solution.data() + solution.size()};
}

} // namespace gfs
