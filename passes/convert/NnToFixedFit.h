// SPDX-License-Identifier: Apache-2.0
// Factors that make values just fill their sign windows.
#pragma once

#include "passes/convert/NnToFixed.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace gfs {

/// Every window divides by the same number.
bool dividesUniformly(nn::AvgPool2dOp pool);

/// A multiplication by a constant that is a linear layer, like a convolution: by more than a
/// scalar, or by a scalar that is a weight, as a trained slope is. Other scalars are public.
bool isLinearMul(nn::MulOp mul);

/// A factor c in (1/2, 1] for the results of linear layers; the others have none.
///
/// A sign window ends at a power of two, 2^high, while head-room times the largest value lies
/// anywhere between half of that and all of it. Held without a factor c, a value is 1/c times as
/// large. Values that must be held without the same factor (operands of one sum, a ReLU's operand
/// and result) form a set; a set has a factor if linear layers alone make and use it, for these can
/// divide and multiply by it in their weights. c makes one of the set's ranges just fill its
/// window; of these choices the one with the least sum of (2^high / range)^3 is taken, since the
/// error of a window of n bits grows with the cube of its step.
llvm::DenseMap<mlir::Value, double> fitFactors(mlir::func::FuncOp function,
                                               const FixedOptions &options);

} // namespace gfs
