// SPDX-License-Identifier: Apache-2.0
// nn-fold-batch-norm: normalisation by stored statistics is one factor and one offset per channel.
#include "dialects/nn/NnConstants.h"
#include "passes/nn/Passes.h"
#include "passes/nn/ScaleLayer.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <cmath>

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
    Operation *layer = gfs::nn::foldableLayer(norm.getInput());
    if (!layer)
      return rewriter.notifyMatchFailure(
          norm, "no linear layer of constant weights and one use before it");
    for (Value parameter : {norm.getScale(), norm.getBias(), norm.getMean(), norm.getVar()})
      if (!gfs::nn::constantValue(parameter))
        return rewriter.notifyMatchFailure(norm, "a parameter is no constant");
    gfs::nn::ConstantData scale(norm.getScale()), bias(norm.getBias()), mean(norm.getMean()),
        var(norm.getVar());
    std::vector<double> factor(scale.size()), offset(scale.size());
    for (size_t c = 0; c < factor.size(); ++c) {
      factor[c] = scale[c] / std::sqrt(var[c] + norm.getEpsilon().convertToDouble());
      offset[c] = bias[c] - factor[c] * mean[c];
    }
    gfs::nn::replaceByScaledLayer(rewriter, norm, layer, factor, offset);
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
