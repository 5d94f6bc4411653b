// SPDX-License-Identifier: Apache-2.0
// The value of an operation all of whose operands are constants.
#pragma once

#include "dialects/nn/NnDialect.h"

namespace gfs::nn {

/// The result of `op`, computed in f32; null if an operand is not nn.constant (or its resource has
/// no data), or the operation is not folded: conv2d, linear, pools and post-processing, whose
/// operands are hardly ever all constant. A result of one repeated value stays a splat and costs no
/// memory.
mlir::ElementsAttr foldConstants(mlir::Operation *op);

} // namespace gfs::nn
