// SPDX-License-Identifier: Apache-2.0
// nn-fold-batch-norm: normalisation by stored statistics is one factor f and one offset per
// channel.
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
using gfs::nn::ChannelScaling;

namespace {

/// Standard deviations from its mean that a channel is taken to reach.
constexpr double reach = 4;
/// How much wider than x the shifted x + offset / f may be: its fixed-point format serves all
/// channels.
constexpr double greatestWidening = 2;

/// offset / f of each channel, so that f x + offset = f (x + shift). Nothing where a factor is zero
/// or the shifted values, by the statistics, need a much wider format than x.
std::optional<std::vector<double>> shiftsOf(gfs::nn::BatchNormOp norm,
                                            const ChannelScaling &scaling) {
  gfs::nn::ConstantData mean(norm.getMean()), var(norm.getVar());
  std::vector<double> shifts(mean.size());
  double before = 0, after = 0;
  for (size_t c = 0; c < shifts.size(); ++c) {
    if (scaling.factor[c] == 0)
      return std::nullopt;
    shifts[c] = scaling.offset[c] / scaling.factor[c];
    double spread = reach * std::sqrt(var[c] + norm.getEpsilon().convertToDouble());
    before = std::max(before, std::fabs(mean[c]) + spread);
    after = std::max(after, std::fabs(mean[c] + shifts[c]) + spread);
  }
  return after <= greatestWidening * before ? std::optional(shifts) : std::nullopt;
}

/// Operations that a positive factor per channel passes unchanged: op(f x) = f op(x).
bool passesPositiveFactors(Operation *op) {
  return isa<gfs::nn::ReluOp, gfs::nn::MaxPool2dOp, gfs::nn::AvgPool2dOp>(op);
}

/// The layer behind `norm`, with nothing but such operations between; null if there is none.
Operation *layerBehind(gfs::nn::BatchNormOp norm, bool factorsArePositive) {
  Operation *op = norm;
  while (op->hasOneUse()) {
    op = *op->user_begin();
    if (gfs::nn::hasConstantWeights(op))
      return op;
    if (!factorsArePositive || !passesPositiveFactors(op))
      return nullptr;
  }
  return nullptr;
}

struct FoldIntoLayer : OpRewritePattern<gfs::nn::BatchNormOp> {
  FoldIntoLayer(MLIRContext *context, Pass::Statistic &folded)
      : OpRewritePattern(context), folded(folded) {}

  LogicalResult matchAndRewrite(gfs::nn::BatchNormOp norm,
                                PatternRewriter &rewriter) const override {
    std::optional<ChannelScaling> scaling = gfs::nn::scalingOf(norm);
    if (!scaling)
      return rewriter.notifyMatchFailure(norm, "a parameter is no constant");
    if (Operation *before = gfs::nn::foldableLayer(norm.getInput())) {
      gfs::nn::replaceByScaledLayer(rewriter, norm, before, *scaling);
    } else if (failed(foldIntoNextLayer(norm, *scaling, rewriter)) &&
               failed(splitAroundChain(norm, *scaling, rewriter))) {
      return rewriter.notifyMatchFailure(
          norm, "no linear layer of constant weights and one use beside it");
    }
    ++folded;
    return success();
  }
  Pass::Statistic &folded;

private:
  static LogicalResult foldIntoNextLayer(gfs::nn::BatchNormOp norm, const ChannelScaling &scaling,
                                         PatternRewriter &rewriter) {
    Operation *behind = norm->hasOneUse() ? *norm->user_begin() : nullptr;
    if (!gfs::nn::hasConstantWeights(behind) ||
        failed(gfs::nn::replaceByLayerOn(rewriter, behind, norm.getInput(), scaling)))
      return failure();
    rewriter.eraseOp(norm);
    return success();
  }

  /// layer(chain(f x + offset)) = layer'(chain(x + offset / f)): the sum is added to shares, the
  /// factor goes into the weights.
  static LogicalResult splitAroundChain(gfs::nn::BatchNormOp norm, const ChannelScaling &scaling,
                                        PatternRewriter &rewriter) {
    bool positive = llvm::all_of(scaling.factor, [](double f) { return f > 0; });
    Operation *layer = layerBehind(norm, positive);
    auto shifts = layer ? shiftsOf(norm, scaling) : std::nullopt;
    if (!shifts)
      return failure();
    ChannelScaling factorsOnly{scaling.factor, std::vector<double>(shifts->size(), 0.0)};
    rewriter.setInsertionPoint(layer);
    if (failed(gfs::nn::replaceByLayerOn(rewriter, layer, layer->getOperand(0), factorsOnly)))
      return failure();
    rewriter.setInsertionPoint(norm);
    rewriter.replaceOp(norm, gfs::nn::addOffsets(rewriter, norm, norm.getInput(), *shifts));
    return success();
  }
};

/// Exporters write a normalisation's own factor and offset behind it: g (s n + b) + o = (g s) n +
/// (g b + o).
template <class Op> struct FoldIntoNorm : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    std::optional<gfs::nn::ScaledValue> scaled = gfs::nn::asScaling(op);
    auto norm = scaled ? scaled->value.template getDefiningOp<gfs::nn::BatchNormOp>()
                       : gfs::nn::BatchNormOp();
    if (!norm || !norm->hasOneUse() || !gfs::nn::scalingOf(norm))
      return rewriter.notifyMatchFailure(op, "no normalisation of one use before it");
    const auto &[factor, offset] = scaled->scaling;
    gfs::nn::ConstantData oldScale(norm.getScale()), oldBias(norm.getBias());
    std::vector<float> scale(oldScale.size()), bias(oldBias.size());
    for (size_t c = 0; c < scale.size(); ++c) {
      scale[c] = static_cast<float>(factor[c] * oldScale[c]);
      bias[c] = static_cast<float>(factor[c] * oldBias[c] + offset[c]);
    }
    auto constant = [&](std::vector<float> values, const char *suffix) {
      int64_t channels = static_cast<int64_t>(values.size());
      return gfs::nn::ConstantOp::create(rewriter, norm.getLoc(),
                                         gfs::nn::makeConstant(rewriter.getContext(), channels,
                                                               std::move(values),
                                                               gfs::nn::layerName(norm) + suffix));
    };
    Value newScale = constant(std::move(scale), ".scale"),
          newBias = constant(std::move(bias), ".bias");
    rewriter.replaceOp(op, gfs::nn::BatchNormOp::create(
                               rewriter, norm.getLoc(), norm.getType(), norm.getInput(), newScale,
                               newBias, norm.getMean(), norm.getVar(), norm.getEpsilonAttr()));
    rewriter.eraseOp(norm);
    return success();
  }
};

struct FoldBatchNorm : gfs::nn::impl::NnFoldBatchNormBase<FoldBatchNorm> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldIntoLayer>(&getContext(), numFolded);
    // Before the normalisation itself is folded, so that it takes everything behind it along.
    patterns.add<FoldIntoNorm<gfs::nn::MulOp>, FoldIntoNorm<gfs::nn::AddOp>,
                 FoldIntoNorm<gfs::nn::SubOp>>(&getContext(), /*benefit=*/2);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
