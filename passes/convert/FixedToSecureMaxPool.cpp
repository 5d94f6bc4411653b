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

/// `count` elements of every window, from the k-th one on; one element of all windows after
/// another.
static Forms windowElements(OpBuilder &builder, Location loc, const Forms &operand,
                            const PoolAxis &axis, int64_t k, int64_t count) {
  SmallVector<int64_t> indices;
  for (int64_t end = k + count; k < end; ++k)
    llvm::append_range(indices, windowElement(axis, k));
  return {take(builder, loc, operand.share, axis.axis, indices),
          take(builder, loc, operand.masked, axis.axis, indices)};
}

static Value concat(OpBuilder &builder, Location loc, Value front, Value back, unsigned axis) {
  Type type = front.getType();
  SmallVector<int64_t> shape(shapeOf(type));
  shape[axis] += shapeOf(back.getType())[axis];
  return ConcatOp::create(builder, loc, withShapeAndScale(type, shape, scaleOf(type)),
                          ValueRange{front, back}, builder.getI64IntegerAttr(axis));
}

/// Windows with more elements are halved as a whole: a step for each level, not for each pair.
static constexpr int64_t mostPairedSingly = 8;

static Forms reduce(SecureBuilder &builder, Location loc, Forms operand, const PoolAxis &axis,
                    Window window);

/// The maxima of a window's first and second half, element by element, and what an odd number
/// leaves over.
static Forms reduceHalves(SecureBuilder &builder, Location loc, const Forms &operand,
                          const PoolAxis &axis, Window window) {
  OpBuilder &ops = builder.builder;
  const int64_t half = axis.kernel / 2, left = axis.kernel % 2;
  Forms front = windowElements(ops, loc, operand, axis, 0, half),
        back = windowElements(ops, loc, operand, axis, half, half);
  Forms rest = maximum(builder, loc, front, back, window);
  if (left) {
    Forms last = windowElements(ops, loc, operand, axis, 2 * half, left);
    rest = {concat(ops, loc, rest.share, builder.share(loc, last), axis.axis), {}};
  }
  const PoolAxis remaining{.axis = axis.axis,
                           .in = (half + left) * axis.out,
                           .out = axis.out,
                           .kernel = half + left,
                           .stride = 1,
                           .dilation = axis.out,
                           .padLow = 0};
  return reduce(builder, loc, rest, remaining, window);
}

/// Pairs elements until one is left: ceil(log2(kernel)) levels, and all pairs of a level share
/// their exchanges.
static Forms reduce(SecureBuilder &builder, Location loc, Forms operand, const PoolAxis &axis,
                    Window window) {
  if (axis.kernel > mostPairedSingly)
    return reduceHalves(builder, loc, operand, axis, window);
  SmallVector<Forms> level;
  for (int64_t k = 0; k < axis.kernel; ++k)
    level.push_back(windowElements(builder.builder, loc, operand, axis, k, 1));
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
