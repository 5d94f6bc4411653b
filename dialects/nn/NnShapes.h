// SPDX-License-Identifier: Apache-2.0
// Shape rules, shared by verifiers, the importer and the evaluator.
#pragma once

#include "mlir/IR/Operation.h"
#include "llvm/ADT/SmallVector.h"

#include <optional>
#include <string>

namespace gfs::nn {

using Shape = llvm::SmallVector<int64_t, 6>;

/// "1x64x8x8", for messages.
std::string printShape(llvm::ArrayRef<int64_t> shape);

/// Number of elements; the largest int64_t if they are more, as a file that is no model may claim.
int64_t elementCount(llvm::ArrayRef<int64_t> shape);

/// The shape two operands are repeated to: axes aligned at the end, extents of 1 repeated.
std::optional<Shape> broadcastShapes(llvm::ArrayRef<int64_t> lhs, llvm::ArrayRef<int64_t> rhs);

/// The last axis longer than 1, where post-processing works (the last of all if none is). The shape
/// has an axis.
size_t lastLongAxis(llvm::ArrayRef<int64_t> shape);

/// Elements along the last long axis of one answer, that is of all axes but the first of several:
/// scores that lie one after the other, of which one is the largest. 1 for scalars.
size_t rowLength(llvm::ArrayRef<int64_t> shape);

/// A window sliding over H and W: kernel, strides, dilations have two entries; pads are top, left,
/// bottom, right.
struct WindowGeometry {
  llvm::ArrayRef<int64_t> kernel, strides, dilations, pads;

  /// Whether the numbers are of the right count, sign and size.
  bool isValid() const;
  /// Rows (axis 0) or columns (axis 1) a window spans.
  int64_t span(unsigned axis) const { return (kernel[axis] - 1) * dilations[axis] + 1; }
  /// floor((extent + pads - span) / stride) + 1; 0 if no window fits.
  int64_t positions(unsigned axis, int64_t extent) const;
  /// How many of the kernel's taps at one position lie in the image: min over all positions.
  int64_t fewestTaps(unsigned axis, int64_t extent) const;
};

/// The geometry of an nn.max_pool2d or nn.avg_pool2d.
template <class Pool> WindowGeometry poolGeometry(Pool pool) {
  return {pool.getKernel(), pool.getStrides(), pool.getDilations(), pool.getPads()};
}

} // namespace gfs::nn
