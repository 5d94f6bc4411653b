// SPDX-License-Identifier: Apache-2.0
// nn-fold-elementwise: factors and offsets that exporters write beside a linear layer.
#include "passes/nn/Passes.h"
#include "passes/nn/ScaleLayer.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gfs::nn {
#define GEN_PASS_DEF_NNFOLDELEMENTWISE
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;

namespace {

/// Behind a layer: into its rows.
template <class Op> struct FoldIntoLayer : OpRewritePattern<Op> {
  FoldIntoLayer(MLIRContext *context, Pass::Statistic &folded)
      : OpRewritePattern<Op>(context), folded(folded) {}
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    std::optional<gfs::nn::ScaledValue> scaled = gfs::nn::asScaling(op);
    Operation *layer = scaled ? gfs::nn::foldableLayer(scaled->value) : nullptr;
    if (!layer)
      return rewriter.notifyMatchFailure(
          op, "no linear layer of one use beside a constant per channel");
    gfs::nn::replaceByScaledLayer(rewriter, op, layer, scaled->scaling);
    ++folded;
    return success();
  }
  Pass::Statistic &folded;
};

/// Before a layer: into its columns.
template <class Layer> struct FoldIntoNextLayer : OpRewritePattern<Layer> {
  FoldIntoNextLayer(MLIRContext *context, Pass::Statistic &folded)
      : OpRewritePattern<Layer>(context), folded(folded) {}
  LogicalResult matchAndRewrite(Layer layer, PatternRewriter &rewriter) const override {
    Operation *op = layer.getInput().getDefiningOp();
    std::optional<gfs::nn::ScaledValue> scaled = gfs::nn::asScaling(op);
    if (!scaled || !op->hasOneUse() || !gfs::nn::hasConstantWeights(layer) ||
        failed(gfs::nn::replaceByLayerOn(rewriter, layer, scaled->value, scaled->scaling)))
      return rewriter.notifyMatchFailure(layer, "no scaling of one use before it");
    rewriter.eraseOp(op);
    ++folded;
    return success();
  }
  Pass::Statistic &folded;
};

struct FoldElementwise : gfs::nn::impl::NnFoldElementwiseBase<FoldElementwise> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldIntoLayer<gfs::nn::AddOp>, FoldIntoLayer<gfs::nn::SubOp>,
                 FoldIntoLayer<gfs::nn::MulOp>, FoldIntoNextLayer<gfs::nn::Conv2dOp>,
                 FoldIntoNextLayer<gfs::nn::LinearOp>>(&getContext(), numFolded);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
