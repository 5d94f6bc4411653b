// SPDX-License-Identifier: Apache-2.0
// Maxima over windows from max(a, b) = b + relu(a - b).
#include "passes/convert/FixedToSecureBuilder.h"

#include <algorithm>

using namespace mlir;
using namespace gfs::secure;

namespace gfs {

/// The k-th element of every window along an axis. A window that reaches into the padding repeats
/// its nearest element inside: the maximum stays the same, and no stand-in for minus infinity is
/// needed.
static SmallVector<int64_t> windowElement(const PoolAxis &axis, int64_t k) {
  SmallVector<int64_t> indices;
  for (int64_t o = 0; o < axis.out; ++o) {
    int64_t start = o * axis.stride - axis.padLow;
    // First and last multiple of the dilation that lies inside; the verifier of fixed.max_pool2d
    // ensured there is one.
    int64_t first = start >= 0 ? 0 : (-start + axis.dilation - 1) / axis.dilation;
    int64_t last = std::min(axis.kernel - 1, (axis.in - 1 - start) / axis.dilation);
    indices.push_back(start + std::clamp(k, first, last) * axis.dilation);
  }
  return indices;
}

static Value take(OpBuilder &builder, Location loc, Value value, unsigned axis,
                  ArrayRef<int64_t> indices) {
  if (!value)
    return {};
  Type type = value.getType();
  SmallVector<int64_t> shape(shapeOf(type));
  shape[axis] = static_cast<int64_t>(indices.size());
  return TakeOp::create(builder, loc, withShapeAndScale(type, shape, scaleOf(type)), value,
                        builder.getI64IntegerAttr(axis), builder.getDenseI64ArrayAttr(indices));
}

static Forms maximum(SecureBuilder &builder, Location loc, Forms &a, Forms &b, Window window) {
  Forms difference;
  if (a.masked && b.masked)
    difference.masked = SubOp::create(builder.builder, loc, a.masked.getType(), a.masked, b.masked);
  else {
    Value left = builder.share(loc, a), right = builder.share(loc, b);
    difference.share = SubOp::create(builder.builder, loc, left.getType(), left, right);
  }
  Value excess = builder.relu(loc, builder.masked(loc, difference), /*shift=*/0, window);
  Value base = builder.share(loc, b);
  return {AddOp::create(builder.builder, loc, base.getType(), base, excess), {}};
}

/// Pairs neighbours until one is left: ceil(log2(kernel)) levels, and all pairs of a level share
/// their exchanges.
static Forms reduce(SecureBuilder &builder, Location loc, Forms operand, const PoolAxis &axis,
                    Window window) {
  SmallVector<Forms> level;
  for (int64_t k = 0; k < axis.kernel; ++k) {
    auto indices = windowElement(axis, k);
    level.push_back({take(builder.builder, loc, operand.share, axis.axis, indices),
                     take(builder.builder, loc, operand.masked, axis.axis, indices)});
  }
  while (level.size() > 1) {
    SmallVector<Forms> next;
    for (size_t i = 0; i + 1 < level.size(); i += 2)
      next.push_back(maximum(builder, loc, level[i], level[i + 1], window));
    if (level.size() % 2)
      next.push_back(level.back());
    level = std::move(next);
  }
  return level.front();
}

Value buildMaxPool(SecureBuilder &builder, Location loc, Forms operand, PoolAxis rows,
                   PoolAxis columns, Window window) {
  // The first axis is reduced over the full extent of the other: begin with the one that leaves
  // less to compare.
  int64_t rowsFirst =
      (rows.kernel - 1) * rows.out * columns.in + (columns.kernel - 1) * rows.out * columns.out;
  int64_t columnsFirst =
      (columns.kernel - 1) * columns.out * rows.in + (rows.kernel - 1) * rows.out * columns.out;
  if (columnsFirst < rowsFirst)
    std::swap(rows, columns);
  Forms partial = reduce(builder, loc, operand, rows, window);
  Forms result = reduce(builder, loc, partial, columns, window);
  return builder.share(loc, result);
}

} // namespace gfs
