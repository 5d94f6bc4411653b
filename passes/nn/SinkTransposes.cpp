// SPDX-License-Identifier: Apache-2.0
// nn-sink-transposes: exports with channels last wrap each convolution into two transposes; moved
// towards the outputs they meet and cancel.
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnElements.h"
#include "passes/nn/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gfs::nn {
#define GEN_PASS_DEF_NNSINKTRANSPOSES
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;
using gfs::nn::Shape;
using gfs::nn::TransposeOp;

namespace {

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

SmallVector<int64_t> inverseOf(ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> inverse(permutation.size());
  for (size_t axis = 0; axis < permutation.size(); ++axis)
    inverse[static_cast<size_t>(permutation[axis])] = static_cast<int64_t>(axis);
  return inverse;
}

/// The shape that `permutation` turns into `shape`.
Shape shapeBefore(ArrayRef<int64_t> shape, ArrayRef<int64_t> permutation) {
  Shape before(shape.size());
  for (size_t axis = 0; axis < shape.size(); ++axis)
    before[static_cast<size_t>(permutation[axis])] = shape[axis];
  return before;
}

/// What an operand is before the transpose: its operand if it is the same transpose, a constant
/// with the axes put back (extents of 1 in front, if it has fewer), and null for anything else.
Value beforeTranspose(PatternRewriter &rewriter, Value operand, ArrayRef<int64_t> permutation) {
  if (auto transpose = operand.getDefiningOp<TransposeOp>())
    return transpose.getPermutation() == permutation ? transpose.getInput() : Value();
  ElementsAttr constant = gfs::nn::constantValue(operand);
  if (!constant || shapeOf(operand).size() > permutation.size())
    return {};
  Shape shape(permutation.size() - shapeOf(operand).size(), 1);
  shape.append(shapeOf(operand).begin(), shapeOf(operand).end());
  Shape before = shapeBefore(shape, permutation);
  MLIRContext *context = rewriter.getContext();
  ElementsAttr moved;
  if (std::optional<float> splat = gfs::nn::splatValue(constant)) {
    moved = gfs::nn::makeSplat(context, before, *splat);
  } else {
    gfs::nn::ConstantData data(constant);
    std::vector<float> values(data.size());
    gfs::nn::transposeElements(shape, inverseOf(permutation), data.begin(), values.data());
    moved = gfs::nn::makeConstant(context, before, std::move(values),
                                  gfs::nn::layerName(operand.getDefiningOp()));
  }
  return gfs::nn::ConstantOp::create(rewriter, operand.getLoc(), moved);
}

/// op(transpose(x), ..) = transpose(op(x, ..)) for operations that know no axes, or know them as
/// attributes, which `moveAxes` renames.
struct SinkThrough : RewritePattern {
  SinkThrough(MLIRContext *context, Pass::Statistic &moved)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context), moved(moved) {}

  static bool isElementwise(Operation *op) {
    return isa<gfs::nn::ReluOp, gfs::nn::SquareOp, gfs::nn::FunctionOp, gfs::nn::AddOp,
               gfs::nn::SubOp, gfs::nn::MulOp>(op);
  }

  /// Axis attributes as they are before the transpose.
  static void moveAxes(Operation *op, ArrayRef<int64_t> permutation) {
    if (auto concat = dyn_cast<gfs::nn::ConcatOp>(op))
      concat.setAxis(static_cast<uint64_t>(permutation[concat.getAxis()]));
    if (auto take = dyn_cast<gfs::nn::TakeOp>(op))
      take.setAxis(static_cast<uint64_t>(permutation[take.getAxis()]));
    if (auto pad = dyn_cast<gfs::nn::PadOp>(op)) {
      pad.setLow(shapeBefore(pad.getLow(), permutation));
      pad.setHigh(shapeBefore(pad.getHigh(), permutation));
    }
  }

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isElementwise(op) && !isa<gfs::nn::ConcatOp, gfs::nn::TakeOp, gfs::nn::PadOp>(op))
      return rewriter.notifyMatchFailure(op, "knows its axes");
    TransposeOp transpose;
    for (Value operand : op->getOperands())
      if (auto found = operand.getDefiningOp<TransposeOp>())
        transpose = found;
    ArrayRef<int64_t> shape = shapeOf(op->getResult(0));
    if (!transpose || transpose.getPermutation().size() != shape.size())
      return rewriter.notifyMatchFailure(op, "no transpose before it");
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    bool movable = llvm::all_of(op->getOperands(), [&](Value operand) {
      auto other = operand.getDefiningOp<TransposeOp>();
      return other ? other.getPermutation() == permutation
                   : isElementwise(op) && gfs::nn::constantValue(operand) &&
                         shapeOf(operand).size() <= permutation.size();
    });
    if (!movable)
      return rewriter.notifyMatchFailure(op, "an operand is not transposed likewise");
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(beforeTranspose(rewriter, operand, permutation));
    Operation *before = rewriter.clone(*op);
    before->setOperands(operands);
    before->getResult(0).setType(
        gfs::nn::tensorType(op->getContext(), shapeBefore(shape, permutation)));
    moveAxes(before, permutation);
    rewriter.replaceOpWithNewOp<TransposeOp>(op, op->getResult(0).getType(), before->getResult(0),
                                             permutation);
    ++moved;
    return success();
  }
  Pass::Statistic &moved;
};

/// A transpose that moves only axes of extent 1 leaves the elements where they are.
struct ReshapeInstead : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    SmallVector<int64_t> longAxes;
    for (int64_t axis : op.getPermutation())
      if (shapeOf(op.getInput())[static_cast<size_t>(axis)] > 1)
        longAxes.push_back(axis);
    if (!llvm::is_sorted(longAxes))
      return rewriter.notifyMatchFailure(op, "moves elements");
    rewriter.replaceOpWithNewOp<gfs::nn::ReshapeOp>(op, op.getType(), op.getInput());
    return success();
  }
};

struct SinkTransposes : gfs::nn::impl::NnSinkTransposesBase<SinkTransposes> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SinkThrough>(&getContext(), numMoved);
    patterns.add<ReshapeInstead>(&getContext());
    TransposeOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
