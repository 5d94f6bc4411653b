// SPDX-License-Identifier: Apache-2.0
// What layers, normalisations, poolings and softmaxes do to row-major elements, for constants: sums
// in f64, plain loops. The float evaluator runs the same on oneDNN.
#pragma once

#include "dialects/nn/NnDialect.h"

#include <vector>

namespace gfs::nn {

/// Elements that are read to compute `op`; 0 if it is no operation that `computeLayer` knows. At
/// most the largest int64_t.
int64_t layerWork(mlir::Operation *op);

/// Writes the result's elements; `operands` are those of its operands. The operation is valid and
/// its work is not 0.
void computeLayer(mlir::Operation *op, const std::vector<const float *> &operands, float *result);

} // namespace gfs::nn
