// SPDX-License-Identifier: Apache-2.0
// Moving a factor and an offset per channel towards the linear layers that use a value.
#pragma once

#include "passes/nn/ScaleLayer.h"

namespace gfs::nn {

/// Replaces `old` by the scaling of `value`, which has no factor 0: its users then compute what
/// they did.
///
/// Linear layers take factors, and offsets where they have no padding, into their weights; average
/// poolings and reshapes to [N, features] hand both on to their users. Other users get the scaled
/// value: by a batch_norm, or where all factors are 1, which the plan then shows, by an addition.
/// New operations are named after `old`'s layer.
void replaceByScaling(mlir::PatternRewriter &rewriter, mlir::Operation *old, mlir::Value value,
                      const ChannelScaling &scaling);

} // namespace gfs::nn
