// SPDX-License-Identifier: Apache-2.0
// Bit-exact clean-up of a fixed program.
#include "passes/fixed/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gfs::fixed {
#define GEN_PASS_DEF_FIXEDFOLD
#include "passes/fixed/Passes.h.inc"
} // namespace gfs::fixed

using namespace mlir;
using namespace gfs::fixed;

/// Replaces `op`, and keeps what calibration measured of its result.
template <class Op, class... Args>
static LogicalResult replaceKeepingRange(PatternRewriter &rewriter, Operation *op, Args &&...args) {
  Attribute range = op->getAttr(rangeAttr);
  auto created =
      rewriter.replaceOpWithNewOp<Op>(op, op->getResult(0).getType(), std::forward<Args>(args)...);
  if (range)
    created->setAttr(rangeAttr, range);
  return success();
}

namespace {
/// a * (b * x) = (a b) * x mod 2^l, as long as the product is still an i64.
struct JoinRescales : OpRewritePattern<RescaleOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RescaleOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<RescaleOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is not a rescale");
    int64_t factor = 0;
    if (llvm::MulOverflow(static_cast<int64_t>(op.getFactor()),
                          static_cast<int64_t>(inner.getFactor()), factor))
      return rewriter.notifyMatchFailure(op, "product of the factors overflows");
    return replaceKeepingRange<RescaleOp>(rewriter, op, inner.getInput(), factor);
  }
};

struct JoinReshapes : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<ReshapeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is not a reshape");
    return replaceKeepingRange<ReshapeOp>(rewriter, op, inner.getInput());
  }
};

/// Axis i of the result is axis p[i] of the middle, which is axis q[p[i]] of the operand.
struct JoinTransposes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<TransposeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "operand is not a transpose");
    SmallVector<int64_t> permutation;
    for (int64_t axis : op.getPermutation())
      permutation.push_back(inner.getPermutation()[axis]);
    return replaceKeepingRange<TransposeOp>(rewriter, op, inner.getInput(),
                                            rewriter.getDenseI64ArrayAttr(permutation));
  }
};

struct JoinTakes : OpRewritePattern<TakeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TakeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<TakeOp>();
    if (!inner || inner.getAxis() != op.getAxis())
      return rewriter.notifyMatchFailure(op, "operand is not a take along the same axis");
    SmallVector<int64_t> indices;
    for (int64_t index : op.getIndices())
      indices.push_back(index < 0 ? -1 : inner.getIndices()[index]);
    return replaceKeepingRange<TakeOp>(rewriter, op, inner.getInput(), op.getAxisAttr(),
                                       rewriter.getDenseI64ArrayAttr(indices));
  }
};

/// (x + v) + w = x + (v + w), if nothing else uses x + v and no element of the sum overflows.
struct JoinAddWeights : OpRewritePattern<AddWeightOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(AddWeightOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<AddWeightOp>();
    if (!inner || !inner->hasOneUse())
      return rewriter.notifyMatchFailure(op, "operand is not an add_weight of this user alone");
    auto outerWeight = op.getWeight().getDefiningOp<WeightOp>(),
         innerWeight = inner.getWeight().getDefiningOp<WeightOp>();
    std::vector<int64_t> sum = weightValues(outerWeight.getValue()),
                         more = weightValues(innerWeight.getValue());
    if (sum.empty() || sum.size() != more.size())
      return rewriter.notifyMatchFailure(op, "weights without data");
    for (size_t i = 0; i < sum.size(); ++i)
      if (llvm::AddOverflow(sum[i], more[i], sum[i]))
        return rewriter.notifyMatchFailure(op, "sum of the weights overflows");
    gfs::fixed::TensorType type = op.getType();
    auto weight = WeightOp::create(
        rewriter, op.getLoc(), type,
        makeWeightValue(
            getContext(), type.getShape(), [&](size_t i) { return sum[i]; }, layerName(op)));
    return replaceKeepingRange<AddWeightOp>(rewriter, op, inner.getInput(), weight);
  }
};

static bool isIdentity(RescaleOp op) { return op.getFactor() == 1; }
static bool isIdentity(ReshapeOp) { return true; }
static bool isIdentity(TransposeOp op) {
  return llvm::all_of(llvm::enumerate(op.getPermutation()),
                      [](auto axis) { return axis.value() == static_cast<int64_t>(axis.index()); });
}
static bool isIdentity(TakeOp op) {
  return llvm::all_of(llvm::enumerate(op.getIndices()), [](auto position) {
    return position.value() == static_cast<int64_t>(position.index());
  });
}
static bool isIdentity(ConcatOp op) { return op.getInputs().size() == 1; }

/// Operations that return their operand as it is, type included.
template <class Op> struct RemoveIdentity : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (op->getOperand(0).getType() != op->getResult(0).getType() || !isIdentity(op))
      return rewriter.notifyMatchFailure(op, "not the identity");
    rewriter.replaceOp(op, op->getOperand(0));
    return success();
  }
};

struct Fold : gfs::fixed::impl::FixedFoldBase<Fold> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<JoinRescales, JoinReshapes, JoinTransposes, JoinTakes, JoinAddWeights,
                 RemoveIdentity<RescaleOp>, RemoveIdentity<ReshapeOp>, RemoveIdentity<TransposeOp>,
                 RemoveIdentity<TakeOp>, RemoveIdentity<ConcatOp>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
