// SPDX-License-Identifier: Apache-2.0
// nn-fold-elementwise: factors and offsets that exporters write beside a linear layer.
#include "dialects/nn/NnConstants.h"
#include "passes/nn/Passes.h"
#include "passes/nn/ScaleLayer.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gfs::nn {
#define GEN_PASS_DEF_NNFOLDELEMENTWISE
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;
using gfs::nn::ChannelScaling;

namespace {

/// One number per channel (axis 1 of a result of that shape), if the constant is equal along all
/// other axes and does not enlarge the result.
std::optional<std::vector<double>> perChannel(Value constant, ArrayRef<int64_t> result) {
  ElementsAttr value = gfs::nn::constantValue(constant);
  auto shape = cast<RankedTensorType>(constant.getType()).getShape();
  if (!value || shape.size() > result.size() || result.size() < 2)
    return std::nullopt;
  for (size_t back = 1; back <= shape.size(); ++back) {
    size_t axis = result.size() - back;
    int64_t extent = shape[shape.size() - back];
    if (extent != 1 && (axis != 1 || extent != result[1]))
      return std::nullopt;
  }
  gfs::nn::ConstantData data(value);
  std::vector<double> channels(static_cast<size_t>(result[1]));
  for (size_t c = 0; c < channels.size(); ++c)
    channels[c] = data[data.size() == 1 ? 0 : c];
  return channels;
}

/// A product, sum or difference of a value and a constant, as a scaling of the value.
struct ScaledValue {
  Value value;
  ChannelScaling scaling;
};

std::optional<ScaledValue> asScaling(Operation *op) {
  if (!isa_and_nonnull<gfs::nn::AddOp, gfs::nn::SubOp, gfs::nn::MulOp>(op))
    return std::nullopt;
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  for (unsigned constant : {1u, 0u}) {
    Value value = op->getOperand(1 - constant);
    auto numbers = perChannel(op->getOperand(constant), type.getShape());
    if (!numbers || value.getType() != type)
      continue;
    ChannelScaling scaling{std::vector<double>(numbers->size(), 1.0),
                           std::vector<double>(numbers->size(), 0.0)};
    if (isa<gfs::nn::MulOp>(op)) {
      scaling.factor = *numbers;
    } else {
      // v + c, v - c, or c - v
      bool subtracts = isa<gfs::nn::SubOp>(op);
      for (size_t c = 0; c < numbers->size(); ++c) {
        scaling.factor[c] = subtracts && constant == 0 ? -1.0 : 1.0;
        scaling.offset[c] = subtracts && constant == 1 ? -(*numbers)[c] : (*numbers)[c];
      }
    }
    return ScaledValue{value, std::move(scaling)};
  }
  return std::nullopt;
}

/// Behind a layer: into its rows.
template <class Op> struct FoldIntoLayer : OpRewritePattern<Op> {
  FoldIntoLayer(MLIRContext *context, Pass::Statistic &folded)
      : OpRewritePattern<Op>(context), folded(folded) {}
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    std::optional<ScaledValue> scaled = asScaling(op);
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
    std::optional<ScaledValue> scaled = asScaling(op);
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
