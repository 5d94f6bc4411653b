// SPDX-License-Identifier: Apache-2.0
// Kernels, strides, pads and automatic padding of convolutions and poolings, brought to two spatial
// axes.
#pragma once

#include "compiler/import/Node.h"

#include <array>

namespace gfs::onnx {

/// A window over H and W; one over a single axis has H = 1.
struct Window {
  std::array<int64_t, 2> kernel{1, 1}, strides{1, 1}, dilations{1, 1};
  std::array<int64_t, 4> pads{0, 0, 0, 0}; ///< top, left, bottom, right
  std::array<int64_t, 2> ceilPads{
      0, 0}; ///< What ceil_mode adds at the bottom and at the right, apart from `pads`.
  std::array<int64_t, 2> image{1, 1}; ///< H and W of the operand.

  nn::WindowGeometry geometry() const { return {kernel, strides, dilations, pads}; }
  /// `pads` with `ceilPads`.
  std::array<int64_t, 4> allPads() const;
};

/// Reads kernel_shape (`kernel` if it is left out), strides, dilations, pads, auto_pad and, for
/// poolings, ceil_mode. `input` is the operand's shape, N C and one or two spatial axes; others are
/// refused.
Window readWindow(Node &node, llvm::ArrayRef<int64_t> input, llvm::ArrayRef<int64_t> kernel);

/// [N, C, H', W'] for poolings.
nn::Shape pooledShape(const Node &node, const Window &window, llvm::ArrayRef<int64_t> input,
                      int64_t channels);

/// The convolution that a node's attributes describe. `weight` is a constant of as many axes as the
/// input, bias may be null.
mlir::Value emitConvolution(Node &node, mlir::Value input, mlir::Value weight, mlir::Value bias);
/// Matrix product by a constant on either side, as ONNX's MatMul.
mlir::Value emitMatMul(Node &node, mlir::Value lhs, mlir::Value rhs);

/// N C L as N C 1 L; N C H W as it is.
mlir::Value asImage(Node &node, mlir::Value value);
/// Back to as many axes as the operand had.
mlir::Value fromImage(Node &node, mlir::Value value, size_t rank);

} // namespace gfs::onnx
