// SPDX-License-Identifier: Apache-2.0
// Kernels, strides, pads and automatic padding of convolutions and poolings, brought to two spatial
// axes.
#pragma once

#include "compiler/import/Node.h"

#include <array>

namespace gfs::onnx {

/// A window along one axis.
struct WindowAxis {
  int64_t extent = 1; ///< Of the operand.
  int64_t kernel = 1, stride = 1, dilation = 1;
  int64_t before = 0, after = 0; ///< Padding.
  int64_t ceil = 0;              ///< What ceil_mode adds to `after`.

  int64_t span() const { return (kernel - 1) * dilation + 1; }
  /// Refuses windows that do not fit.
  int64_t positions(const Node &node) const;
};

/// A window over D, H and W; one over fewer axes has the first ones as they are here.
struct Window {
  WindowAxis depth, rows, columns;

  /// The last `axes` of them.
  llvm::SmallVector<WindowAxis *, 3> spatial(size_t axes);
};

/// What operations on images take of a window along their two axes.
struct ImageWindow {
  ImageWindow(const WindowAxis &rows, const WindowAxis &columns)
      : kernel{rows.kernel, columns.kernel}, strides{rows.stride, columns.stride},
        dilations{rows.dilation, columns.dilation},
        pads{rows.before, columns.before, rows.after + rows.ceil, columns.after + columns.ceil} {}

  std::array<int64_t, 2> kernel, strides, dilations;
  std::array<int64_t, 4> pads; ///< top, left, bottom, right
};

/// Reads kernel_shape (`kernel` if it is left out), strides, dilations, pads, auto_pad and, for
/// poolings, ceil_mode. `input` is the operand's shape, N C and up to three spatial axes; others
/// are refused.
Window readWindow(Node &node, llvm::ArrayRef<int64_t> input, llvm::ArrayRef<int64_t> kernel);

/// The convolution of `input` over a window. `weight` is a constant of as many axes as the input,
/// bias may be null.
mlir::Value emitConvolution(Node &node, mlir::Value input, mlir::Value weight, mlir::Value bias,
                            const Window &window, int64_t groups);
/// The convolution that a node's attributes describe.
mlir::Value emitConvolution(Node &node, mlir::Value input, mlir::Value weight, mlir::Value bias);
/// Matrix product by a constant on either side, as ONNX's MatMul.
mlir::Value emitMatMul(Node &node, mlir::Value lhs, mlir::Value rhs);

/// N C L as N C 1 L, N C H W as it is, and N C D H W as the images N*D C H W of its planes.
mlir::Value asImage(Node &node, mlir::Value value);
/// Back to as many axes as the operand had, of `batch` samples.
mlir::Value fromImage(Node &node, mlir::Value value, size_t rank, int64_t batch);

} // namespace gfs::onnx
