// SPDX-License-Identifier: Apache-2.0
// nn-commute-relu-max-pool: max(relu(a), relu(b)) = relu(max(a, b)).
#include "passes/nn/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gfs::nn {
#define GEN_PASS_DEF_NNCOMMUTERELUMAXPOOL
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;

namespace {

/// The ReLU before `value`, with nothing but moved elements between and no other use of any of them;
/// null if there is none.
gfs::nn::ReluOp reluBefore(Value value) {
  Operation *op = value.getDefiningOp();
  while (op && op->hasOneUse() && isa<gfs::nn::ReshapeOp, gfs::nn::TransposeOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return op && op->hasOneUse() ? dyn_cast<gfs::nn::ReluOp>(op) : gfs::nn::ReluOp();
}

struct PoolFirst : OpRewritePattern<gfs::nn::MaxPool2dOp> {
  PoolFirst(MLIRContext *context, Pass::Statistic &commuted)
      : OpRewritePattern(context), commuted(commuted) {}

  LogicalResult matchAndRewrite(gfs::nn::MaxPool2dOp pool,
                                PatternRewriter &rewriter) const override {
    gfs::nn::ReluOp relu = reluBefore(pool.getInput());
    if (!relu)
      return rewriter.notifyMatchFailure(pool, "no ReLU of one use before it");
    if (pool.getType().getNumElements() >= relu.getType().getNumElements())
      return rewriter.notifyMatchFailure(pool, "the pooling makes no fewer elements");
    // The ReLU's name stays with the ReLU, the pooling's with the pooling: profiles show both.
    const Location name = relu.getLoc();
    rewriter.replaceOp(relu, relu.getInput());
    rewriter.setInsertionPointAfter(pool);
    auto then = gfs::nn::ReluOp::create(rewriter, name, pool.getType(), pool.getResult());
    rewriter.replaceAllUsesExcept(pool.getResult(), then.getResult(), then);
    ++commuted;
    return success();
  }
  Pass::Statistic &commuted;
};

struct CommuteReluMaxPool : gfs::nn::impl::NnCommuteReluMaxPoolBase<CommuteReluMaxPool> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<PoolFirst>(&getContext(), numCommuted);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
