// SPDX-License-Identifier: Apache-2.0
// Shape rules shared by the verifiers of several operations.
#pragma once

#include "mlir/IR/Operation.h"

namespace gfs::fixed {

/// A window sliding over the last two axes: kernel, strides, dilations have two entries; pads are
/// top, left, bottom, right.
struct WindowGeometry {
  llvm::ArrayRef<int64_t> kernel, strides, dilations, pads;
};

/// Checks the geometry's own numbers and that `result` = [input[0], channels, H', W'] with
/// H' = floor((H + pads - ((kernel - 1) * dilation + 1)) / stride) + 1. Reports under the
/// constraint id `rule`.
mlir::LogicalResult verifyWindowShape(mlir::Operation *op, llvm::StringRef rule,
                                      const WindowGeometry &geometry, llvm::ArrayRef<int64_t> input,
                                      llvm::ArrayRef<int64_t> result, int64_t channels);

/// "1x64x8x8", for messages.
std::string printShape(llvm::ArrayRef<int64_t> shape);

} // namespace gfs::fixed
