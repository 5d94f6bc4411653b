// SPDX-License-Identifier: Apache-2.0
// Measures the ranges of a network's values on samples.
#pragma once

#include "compiler/calibrate/OptionSearch.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <span>
#include <vector>

namespace gfs {

/// Evaluates an nn function on `samples` inputs (each array holds one argument's samples, one after
/// the other) and writes `fixed.range` on its arguments and operations: the smallest and largest
/// value of all samples, rounded outwards to five significant bits. Returns what the servers are to compute, that is the outputs before a
/// softmax or argmax of the client. Throws InvalidInput if a value is not finite on a sample (names
/// the layer, never the value's origin).
std::vector<OutputSamples> measureRanges(mlir::func::FuncOp function, size_t samples,
                                         std::span<const std::vector<float>> inputs);

} // namespace gfs
