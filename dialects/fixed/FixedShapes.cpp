// SPDX-License-Identifier: Apache-2.0
// Shape rules shared by the verifiers of several operations.
#include "dialects/fixed/FixedShapes.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace gfs::fixed {

/// Far above any picture, and small enough that no product of two overflows.
static constexpr int64_t maxExtent = int64_t(1) << 24;

std::string printShape(ArrayRef<int64_t> shape) {
  return llvm::join(llvm::map_range(shape, [](int64_t d) { return std::to_string(d); }), "x");
}

static bool allWithin(ArrayRef<int64_t> values, size_t count, int64_t least) {
  return values.size() == count &&
         llvm::all_of(values, [&](int64_t v) { return v >= least && v <= maxExtent; });
}

LogicalResult verifyWindowShape(Operation *op, StringRef rule, const WindowGeometry &geometry,
                                ArrayRef<int64_t> input, ArrayRef<int64_t> result,
                                int64_t channels) {
  if (input.size() != 4 || result.size() != 4)
    return op->emitOpError() << "expects operand and result with four axes, got "
                             << printShape(input) << " and " << printShape(result) << " (" << rule
                             << ")";
  if (!allWithin(geometry.kernel, 2, 1) || !allWithin(geometry.strides, 2, 1) ||
      !allWithin(geometry.dilations, 2, 1) || !allWithin(geometry.pads, 4, 0))
    return op->emitOpError()
           << "expects two positive kernel extents, strides and dilations and four pads that are "
              "not negative ("
           << rule << ")";
  int64_t expected[4] = {input[0], channels, 0, 0};
  for (unsigned axis = 0; axis < 2; ++axis) {
    int64_t padded = input[2 + axis] + geometry.pads[axis] + geometry.pads[2 + axis];
    int64_t extent = (geometry.kernel[axis] - 1) * geometry.dilations[axis] + 1;
    if (extent > padded)
      return op->emitOpError() << "expects a window of " << extent
                               << " to fit into the padded extent " << padded << " (" << rule
                               << ")";
    expected[2 + axis] = (padded - extent) / geometry.strides[axis] + 1;
  }
  if (result != ArrayRef<int64_t>(expected))
    return op->emitOpError() << "expects a result of shape " << printShape(expected) << ", got "
                             << printShape(result) << " (" << rule << ")";
  return success();
}

} // namespace gfs::fixed
