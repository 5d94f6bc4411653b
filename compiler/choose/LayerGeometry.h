// SPDX-License-Identifier: Apache-2.0
// A convolution or matrix product as one small matrix applied at many positions.
#pragma once

#include "dialects/nn/NnDialect.h"

#include <cstdint>
#include <vector>

namespace gfs {

/// For group g, position p and output o of the group: result[resultIndex(g, p, o)] = bias +
/// sum over taps t of weight[(g * outputs + o) * taps + t] * patch(g, p)[t].
class LayerGeometry {
public:
  /// Of an nn.conv2d or nn.linear.
  explicit LayerGeometry(mlir::Operation *op);

  size_t groups = 1;
  size_t outputs = 0;   ///< Per group.
  size_t taps = 0;      ///< Per group: weights of one output.
  size_t positions = 0; ///< Windows of a convolution, rows of a matrix.

  size_t resultIndex(size_t group, size_t position, size_t output) const {
    return resultBase[position] + (group * outputs + output) * resultStride;
  }
  /// The operands of one position; padding is zero. `out` has `taps` elements.
  void gather(size_t group, size_t position, const float *input, float *out) const;
  /// Adds what belongs to each tap to the elements it came from: the transpose of gather.
  void scatterAdd(size_t group, size_t position, const float *values, float *input) const;

private:
  void describe(mlir::Operation *conv);
  std::vector<int32_t> source; ///< [positions][taps], of group 0; -1 is padding.
  std::vector<size_t> resultBase;
  size_t resultStride = 1, groupStride = 0;
};

} // namespace gfs
