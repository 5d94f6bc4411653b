// SPDX-License-Identifier: Apache-2.0
// Moving a factor and an offset per channel into the weights of the linear layer before or behind
// them.
#pragma once

#include "dialects/nn/NnDialect.h"

#include "mlir/IR/PatternMatch.h"

#include <optional>
#include <vector>

namespace gfs::nn {

/// x -> factor[c] * x + offset[c], c being the position on axis 1.
struct ChannelScaling {
  std::vector<double> factor, offset;
};

/// What a batch_norm of constant parameters does.
std::optional<ChannelScaling> scalingOf(BatchNormOp norm);

/// A value and what an operation does to it.
struct ScaledValue {
  mlir::Value value;
  ChannelScaling scaling;
};

/// One number per channel (axis 1 of a value of shape `shape`), if `constant` is an nn.constant
/// that is equal along all other axes and that broadcasting to `shape` does not enlarge.
std::optional<std::vector<double>> perChannel(mlir::Value constant, llvm::ArrayRef<int64_t> shape);

/// A constant of shape `shape`, named after the layer of `op`.
mlir::Value makeChannelConstant(mlir::PatternRewriter &rewriter, mlir::Operation *op,
                                llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<double> values,
                                llvm::StringRef suffix);

/// value + offset[c], c being the position on axis 1; named after the layer of `op`.
mlir::Value addOffsets(mlir::PatternRewriter &rewriter, mlir::Operation *op, mlir::Value value,
                       llvm::ArrayRef<double> offset);

/// A product, sum or difference of a value and a constant that is equal along all axes but the
/// channels', as a scaling of the value; nullopt for anything else, and for null.
std::optional<ScaledValue> asScaling(mlir::Operation *op);

/// A conv2d or linear whose weight, and bias if it has one, are constants.
bool hasConstantWeights(mlir::Operation *op);

/// The layer that makes `value`, if its weights are constants and nothing else uses `value`.
mlir::Operation *foldableLayer(mlir::Value value);

/// Output channels of a conv2d or linear.
size_t outputChannels(mlir::Operation *layer);

/// A copy of `layer` with weights factor[o] * w and bias factor[o] * b + offset[o], at the
/// rewriter's place.
mlir::Value makeScaledLayer(mlir::PatternRewriter &rewriter, mlir::Operation *layer,
                            const ChannelScaling &scaling);

/// Replaces `user`, the only user of `layer` and a scaling of its result, by a copy of `layer` with
/// weights factor[o] * w and bias factor[o] * b + offset[o].
void replaceByScaledLayer(mlir::PatternRewriter &rewriter, mlir::Operation *user,
                          mlir::Operation *layer, const ChannelScaling &scaling);

/// Replaces `layer`, whose operand is the scaling of `input`, by a layer on `input` with weights w
/// * factor[i] and bias b + sum w * offset[i]. Fails where the layer's padding, which is not
/// scaled, would make a difference.
mlir::LogicalResult replaceByLayerOn(mlir::PatternRewriter &rewriter, mlir::Operation *layer,
                                     mlir::Value input, const ChannelScaling &scaling);

} // namespace gfs::nn
