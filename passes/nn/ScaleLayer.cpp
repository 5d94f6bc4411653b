// SPDX-License-Identifier: Apache-2.0
#include "passes/nn/ScaleLayer.h"

#include "dialects/nn/NnConstants.h"

using namespace mlir;

namespace gfs::nn {

static Value weightOf(Operation *layer) { return layer->getOperand(1); }
static Value biasOf(Operation *layer) {
  return layer->getNumOperands() > 2 ? layer->getOperand(2) : Value();
}

Operation *foldableLayer(Value value) {
  Operation *layer = value.getDefiningOp();
  if (!layer || !isa<Conv2dOp, LinearOp>(layer) || !value.hasOneUse())
    return nullptr;
  bool constant =
      constantValue(weightOf(layer)) && (!biasOf(layer) || constantValue(biasOf(layer)));
  return constant ? layer : nullptr;
}

size_t outputChannels(Operation *layer) {
  return static_cast<size_t>(cast<RankedTensorType>(weightOf(layer).getType()).getShape()[0]);
}

void replaceByScaledLayer(PatternRewriter &rewriter, Operation *user, Operation *layer,
                          ArrayRef<double> factor, ArrayRef<double> offset) {
  MLIRContext *context = rewriter.getContext();
  const size_t channels = outputChannels(layer);
  std::string name = layerName(layer);
  ConstantData weight(weightOf(layer));
  std::vector<float> scaled(weight.size());
  size_t perChannel = weight.size() / channels;
  for (size_t i = 0; i < scaled.size(); ++i)
    scaled[i] = static_cast<float>(factor[i / perChannel] * weight[i]);
  std::vector<float> bias(channels);
  for (size_t c = 0; c < channels; ++c)
    bias[c] = static_cast<float>(offset[c]);
  if (Value old = biasOf(layer)) {
    ConstantData data(old);
    for (size_t c = 0; c < channels; ++c)
      bias[c] = static_cast<float>(factor[c] * data[c] + offset[c]);
  }
  Location location = layer->getLoc();
  auto constant = [&](ArrayRef<int64_t> shape, std::vector<float> values,
                      const char *suffix) -> Value {
    return ConstantOp::create(rewriter, location,
                              makeConstant(context, shape, std::move(values), name + suffix));
  };
  rewriter.setInsertionPoint(user);
  auto weightShape = cast<RankedTensorType>(weightOf(layer).getType()).getShape();
  Value newWeight = constant(weightShape, std::move(scaled), ".weight");
  Value newBias = constant({static_cast<int64_t>(channels)}, std::move(bias), ".bias");
  Value result;
  if (auto conv = dyn_cast<Conv2dOp>(layer))
    result = Conv2dOp::create(rewriter, location, conv.getType(), conv.getInput(), newWeight,
                              newBias, conv.getStridesAttr(), conv.getDilationsAttr(),
                              conv.getPadsAttr(), conv.getGroupsAttr());
  else
    result = LinearOp::create(rewriter, location, layer->getResult(0).getType(),
                              layer->getOperand(0), newWeight, newBias);
  rewriter.replaceOp(user, result);
  rewriter.eraseOp(layer);
}

} // namespace gfs::nn
