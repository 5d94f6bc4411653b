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

struct PoolFirst : OpRewritePattern<gfs::nn::MaxPool2dOp> {
  PoolFirst(MLIRContext *context, Pass::Statistic &commuted)
      : OpRewritePattern(context), commuted(commuted) {}

  LogicalResult matchAndRewrite(gfs::nn::MaxPool2dOp pool,
                                PatternRewriter &rewriter) const override {
    auto relu = pool.getInput().getDefiningOp<gfs::nn::ReluOp>();
    if (!relu || !relu->hasOneUse())
      return rewriter.notifyMatchFailure(pool, "no ReLU of one use before it");
    if (pool.getType().getNumElements() >= relu.getType().getNumElements())
      return rewriter.notifyMatchFailure(pool, "the pooling makes no fewer elements");
    // The ReLU's name stays with the ReLU, the pooling's with the pooling: profiles show both.
    auto first = gfs::nn::MaxPool2dOp::create(
        rewriter, pool.getLoc(), pool.getType(), relu.getInput(), pool.getKernelAttr(),
        pool.getStridesAttr(), pool.getDilationsAttr(), pool.getPadsAttr());
    auto then = gfs::nn::ReluOp::create(rewriter, relu.getLoc(), pool.getType(), first);
    rewriter.replaceOp(pool, then);
    rewriter.eraseOp(relu);
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
