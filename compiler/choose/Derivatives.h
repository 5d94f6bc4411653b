// SPDX-License-Identifier: Apache-2.0
// Derivatives of the nn operations, by the chain rule from results to operands.
#pragma once

#include "compiler/choose/Batches.h"

namespace gfs {

/// Where derivatives with respect to a value are summed: zeros at first, as many as the value has
/// elements in all samples.
using GradientOf = llvm::function_ref<std::vector<float> &(mlir::Value)>;

/// Given the derivatives of something with respect to the result of `op`, adds those with respect
/// to its operands that are not constants. `values` holds operands and result. Errors: Unsupported
/// for operations that have no derivative here (named).
void addOperandGradients(mlir::Operation &op, const Variant &variant, const BatchValues &values,
                         const std::vector<float> &gradient, GradientOf gradientOf);

} // namespace gfs
