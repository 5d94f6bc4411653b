// SPDX-License-Identifier: Apache-2.0
// Canonical forms: one operation instead of two that move elements, constants added instead of
// joined, and products whose value has the shape of the result.
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnDialect.h"
#include "dialects/nn/NnElements.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace gfs::nn {

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

// --- Two moves are one --------------------------------------------------------------------------
LogicalResult ReshapeOp::canonicalize(ReshapeOp op, PatternRewriter &rewriter) {
  auto first = op.getInput().getDefiningOp<ReshapeOp>();
  if (!first)
    return failure();
  rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), first.getInput());
  return success();
}

/// Result axis i of the second is axis second[i] of the first's result, axis first[second[i]] of
/// its operand.
LogicalResult TransposeOp::canonicalize(TransposeOp op, PatternRewriter &rewriter) {
  auto first = op.getInput().getDefiningOp<TransposeOp>();
  if (!first)
    return failure();
  SmallVector<int64_t> composed;
  for (int64_t axis : op.getPermutation())
    composed.push_back(first.getPermutation()[axis]);
  rewriter.replaceOpWithNewOp<TransposeOp>(op, op.getType(), first.getInput(), composed);
  return success();
}

LogicalResult TakeOp::canonicalize(TakeOp op, PatternRewriter &rewriter) {
  auto first = op.getInput().getDefiningOp<TakeOp>();
  if (!first || first.getAxis() != op.getAxis())
    return failure();
  SmallVector<int64_t> composed;
  for (int64_t index : op.getIndices())
    composed.push_back(index < 0 ? -1 : first.getIndices()[index]);
  rewriter.replaceOpWithNewOp<TakeOp>(op, op.getType(), first.getInput(), op.getAxis(), composed);
  return success();
}

// --- Constants ----------------------------------------------------------------------------------
/// The constant operands where they belong in the result, zeros elsewhere.
static ElementsAttr placeConstants(ConcatOp op) {
  ArrayRef<int64_t> shape = shapeOf(op.getResult());
  std::vector<float> values(static_cast<size_t>(elementCount(shape)), 0.0f);
  int64_t start = 0;
  for (Value input : op.getInputs()) {
    if (ElementsAttr constant = constantValue(input)) {
      ConstantData data(constant);
      placeElements(shapeOf(input), shape, op.getAxis(), start, data.begin(), values.data());
    }
    start += shapeOf(input)[op.getAxis()];
  }
  return makeConstant(op.getContext(), shape, std::move(values), layerName(op));
}

/// concat(x, c, y) = take(concat(x, y), x's positions, -1 .., y's positions) + constant: what is
/// joined is computed from the input, and what the model holds is added.
LogicalResult ConcatOp::canonicalize(ConcatOp op, PatternRewriter &rewriter) {
  SmallVector<Value> computed;
  SmallVector<int64_t> indices;
  int64_t next = 0;
  size_t axis = op.getAxis();
  for (Value input : op.getInputs()) {
    bool constant = constantValue(input) != nullptr;
    for (int64_t i = 0; i < shapeOf(input)[axis]; ++i)
      indices.push_back(constant ? -1 : next++);
    if (!constant)
      computed.push_back(input);
  }
  if (computed.empty() || computed.size() == op.getInputs().size())
    return failure();
  Shape shape(shapeOf(op.getResult()));
  shape[axis] = next;
  Value joined = computed.front();
  if (computed.size() > 1)
    joined = ConcatOp::create(rewriter, op.getLoc(), tensorType(op.getContext(), shape), computed,
                              static_cast<uint64_t>(axis));
  Value spread = TakeOp::create(rewriter, op.getLoc(), op.getType(), joined,
                                static_cast<uint64_t>(axis), indices);
  Value constants = ConstantOp::create(rewriter, op.getLoc(), placeConstants(op));
  rewriter.replaceOpWithNewOp<AddOp>(op, op.getType(), spread, constants);
  return success();
}

/// The value repeated to `shape`, which it broadcasts to.
static Value repeat(PatternRewriter &rewriter, Location location, Value value,
                    ArrayRef<int64_t> shape) {
  Shape extents(shape.size() - shapeOf(value).size(), 1);
  extents.append(shapeOf(value).begin(), shapeOf(value).end());
  MLIRContext *context = rewriter.getContext();
  if (ArrayRef<int64_t>(extents) != shapeOf(value))
    value = ReshapeOp::create(rewriter, location, tensorType(context, extents), value);
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (extents[axis] == shape[axis])
      continue;
    extents[axis] = shape[axis];
    value = TakeOp::create(rewriter, location, tensorType(context, extents), value,
                           static_cast<uint64_t>(axis),
                           SmallVector<int64_t>(static_cast<size_t>(shape[axis]), 0));
  }
  return value;
}

/// A constant larger than the value it is multiplied by is a layer with a weight per element of the
/// repeated value.
LogicalResult MulOp::canonicalize(MulOp op, PatternRewriter &rewriter) {
  bool leftConstant = constantValue(op.getLhs()) != nullptr;
  if (leftConstant == (constantValue(op.getRhs()) != nullptr))
    return failure();
  Value value = leftConstant ? op.getRhs() : op.getLhs();
  Value constant = leftConstant ? op.getLhs() : op.getRhs();
  if (value.getType() == op.getType())
    return failure();
  Value repeated = repeat(rewriter, op.getLoc(), value, shapeOf(op.getResult()));
  rewriter.replaceOpWithNewOp<MulOp>(op, op.getType(), repeated, constant);
  return success();
}

} // namespace gfs::nn
