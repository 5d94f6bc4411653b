// SPDX-License-Identifier: Apache-2.0
// Ridge regression from normal equations that are summed block by block.
#pragma once

#include <cstddef>
#include <vector>

namespace gfs {

/// C (m x n) = A^T B + C, where A is k x m and B is k x n, all row-major.
void addTransposedProduct(size_t m, size_t n, size_t k, const float *a, const float *b, float *c);

/// C (m x n) = A B, where A is m x k and B is k x n, all row-major.
void multiply(size_t m, size_t n, size_t k, const float *a, const float *b, float *c);

/// Finds the correction D (targets x features) that minimises
///   sum over rows |residual - D u|^2 + ridge * mean(diag U^T U) * |D|^2,
/// where u are a row's features: how to change weights so that they explain what they left over.
class RidgeRegression {
public:
  RidgeRegression(size_t features, size_t targets);

  /// `u` is rows x features, `residual` rows x targets, both row-major.
  void add(size_t rows, const float *u, const float *residual);
  /// D, row-major. More ridge where fewer rows speak for each weight: `ridge` + features / rows.
  std::vector<float> solve(double ridge) const;

private:
  size_t features, targets, rows = 0;
  std::vector<float> gram, moments; ///< U^T U above its diagonal; U^T residual.
};

} // namespace gfs
