// SPDX-License-Identifier: Apache-2.0
// The value of an operation all of whose operands are constants.
#pragma once

#include "dialects/nn/NnDialect.h"

namespace gfs::nn {

/// The result of `op`, computed in f32 (sums of layers, poolings and softmaxes in f64); null if an
/// operand is not nn.constant (or its resource has no data), if it would take longer than a few
/// seconds, or if the operation is not folded: positions of largest elements and what replaces
/// activations. A result of one repeated value stays a splat where `foldsWithoutMemory`.
mlir::ElementsAttr foldConstants(mlir::Operation *op);

/// Whether folding `op`, all of whose operands are constants, allocates nothing.
bool foldsWithoutMemory(mlir::Operation *op);

} // namespace gfs::nn
