// SPDX-License-Identifier: Apache-2.0
// Rewriting a linear layer to compute factor * (w x + b) + offset, per output channel.
#pragma once

#include "dialects/nn/NnDialect.h"

#include "mlir/IR/PatternMatch.h"

#include <vector>

namespace gfs::nn {

/// The conv2d or linear that makes `value`, if its weights are constants, it has no other use, and
/// it makes `value` alone.
mlir::Operation *foldableLayer(mlir::Value value);

/// Output channels of a conv2d or linear.
size_t outputChannels(mlir::Operation *layer);

/// Replaces `user` (the only user of `layer`) by a copy of `layer` with weights f[c] * w and bias
/// f[c] * b + offset[c].
void replaceByScaledLayer(mlir::PatternRewriter &rewriter, mlir::Operation *user,
                          mlir::Operation *layer, llvm::ArrayRef<double> factor,
                          llvm::ArrayRef<double> offset);

} // namespace gfs::nn
