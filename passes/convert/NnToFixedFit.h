// SPDX-License-Identifier: Apache-2.0
// Factors that make values just fill their sign windows.
#pragma once

#include "passes/convert/NnToFixed.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

#include <array>
#include <optional>

namespace gfs {

/// Every window divides by the same number.
bool dividesUniformly(nn::AvgPool2dOp pool);

/// A mean of many elements that is added to something larger, as normalisations subtract one from
/// what it is of. The other operand would need the scale of the mean's sum, log2 of the number of
/// elements larger, and so would the ring; dividing the sum by weights costs an exchange of a few
/// elements.
bool dividesAtOnce(nn::AvgPool2dOp pool);

/// Windows [H, W] that an average over a whole image is summed by first. Their sums are truncated, so
/// that the ring need not hold that of all elements at the operand's scale; they are far fewer than
/// the elements. Only where there is much to gain: for means that divide at once, and means of
/// squares, which have twice the scale.
std::optional<std::array<int64_t, 2>> partsOf(nn::AvgPool2dOp pool);

/// The users of a value, behind those that only move its elements.
void forEachUse(mlir::Value value, llvm::function_ref<void(mlir::Operation *)> visit);

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
