// SPDX-License-Identifier: Apache-2.0
// nn-fold-elementwise: factors and offsets that exporters write behind a linear layer.
#include "dialects/nn/NnConstants.h"
#include "passes/nn/Passes.h"
#include "passes/nn/ScaleLayer.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <optional>

namespace gfs::nn {
#define GEN_PASS_DEF_NNFOLDELEMENTWISE
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;

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

template <class Op> struct FoldIntoLayer : OpRewritePattern<Op> {
  FoldIntoLayer(MLIRContext *context, Pass::Statistic &folded)
      : OpRewritePattern<Op>(context), folded(folded) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    for (bool layerFirst : {true, false}) {
      Value made = layerFirst ? op.getLhs() : op.getRhs(),
            constant = layerFirst ? op.getRhs() : op.getLhs();
      Operation *layer = gfs::nn::foldableLayer(made);
      if (!layer || made.getType() != op.getResult().getType())
        continue;
      auto values = perChannel(constant, op.getResult().getType().getShape());
      if (!values || values->size() != gfs::nn::outputChannels(layer))
        continue;
      std::vector<double> factor(values->size(), 1.0), offset(values->size(), 0.0);
      if constexpr (std::is_same_v<Op, gfs::nn::MulOp>) {
        factor = *values;
      } else if constexpr (std::is_same_v<Op, gfs::nn::AddOp>) {
        offset = *values;
      } else {
        // layer - c, or c - layer
        for (size_t c = 0; c < values->size(); ++c) {
          factor[c] = layerFirst ? 1.0 : -1.0;
          offset[c] = layerFirst ? -(*values)[c] : (*values)[c];
        }
      }
      gfs::nn::replaceByScaledLayer(rewriter, op, layer, factor, offset);
      ++folded;
      return success();
    }
    return rewriter.notifyMatchFailure(op,
                                       "no linear layer of one use beside a constant per channel");
  }
  Pass::Statistic &folded;
};

struct FoldElementwise : gfs::nn::impl::NnFoldElementwiseBase<FoldElementwise> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldIntoLayer<gfs::nn::AddOp>, FoldIntoLayer<gfs::nn::SubOp>,
                 FoldIntoLayer<gfs::nn::MulOp>>(&getContext(), numFolded);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
