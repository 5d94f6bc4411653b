// SPDX-License-Identifier: Apache-2.0
// nn-fold-batch-norm: normalisation by stored statistics is one factor and one offset per channel.
#include "passes/nn/Passes.h"
#include "passes/nn/ScaleLayer.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gfs::nn {
#define GEN_PASS_DEF_NNFOLDBATCHNORM
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;

namespace {

struct FoldIntoLayer : OpRewritePattern<gfs::nn::BatchNormOp> {
  FoldIntoLayer(MLIRContext *context, Pass::Statistic &folded)
      : OpRewritePattern(context), folded(folded) {}

  LogicalResult matchAndRewrite(gfs::nn::BatchNormOp norm,
                                PatternRewriter &rewriter) const override {
    std::optional<gfs::nn::ChannelScaling> scaling = gfs::nn::scalingOf(norm);
    if (!scaling)
      return rewriter.notifyMatchFailure(norm, "a parameter is no constant");
    if (Operation *before = gfs::nn::foldableLayer(norm.getInput())) {
      gfs::nn::replaceByScaledLayer(rewriter, norm, before, *scaling);
    } else {
      Operation *behind = norm->hasOneUse() ? *norm->user_begin() : nullptr;
      if (!gfs::nn::hasConstantWeights(behind) ||
          failed(gfs::nn::replaceByLayerOn(rewriter, behind, norm.getInput(), *scaling)))
        return rewriter.notifyMatchFailure(
            norm, "no linear layer of constant weights and one use beside it");
      rewriter.eraseOp(norm);
    }
    ++folded;
    return success();
  }
  Pass::Statistic &folded;
};

struct FoldBatchNorm : gfs::nn::impl::NnFoldBatchNormBase<FoldBatchNorm> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldIntoLayer>(&getContext(), numFolded);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
