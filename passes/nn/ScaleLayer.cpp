// SPDX-License-Identifier: Apache-2.0
#include "passes/nn/ScaleLayer.h"

#include "dialects/nn/NnConstants.h"

#include <cmath>

using namespace mlir;

namespace gfs::nn {

static Value weightOf(Operation *layer) { return layer->getOperand(1); }
static Value biasOf(Operation *layer) {
  return layer->getNumOperands() > 2 ? layer->getOperand(2) : Value();
}
static ArrayRef<int64_t> weightShape(Operation *layer) {
  return cast<RankedTensorType>(weightOf(layer).getType()).getShape();
}

std::optional<ChannelScaling> scalingOf(BatchNormOp norm) {
  for (Value parameter : norm->getOperands().drop_front())
    if (!constantValue(parameter))
      return std::nullopt;
  ConstantData scale(norm.getScale()), bias(norm.getBias()), mean(norm.getMean()),
      var(norm.getVar());
  ChannelScaling scaling{std::vector<double>(scale.size()), std::vector<double>(scale.size())};
  for (size_t c = 0; c < scale.size(); ++c) {
    scaling.factor[c] = scale[c] / std::sqrt(var[c] + norm.getEpsilon().convertToDouble());
    scaling.offset[c] = bias[c] - scaling.factor[c] * mean[c];
  }
  return scaling;
}

std::optional<std::vector<double>> perChannel(Value constant, ArrayRef<int64_t> result) {
  ElementsAttr value = constantValue(constant);
  auto shape = cast<RankedTensorType>(constant.getType()).getShape();
  if (!value || shape.size() > result.size() || result.size() < 2)
    return std::nullopt;
  for (size_t back = 1; back <= shape.size(); ++back) {
    size_t axis = result.size() - back;
    int64_t extent = shape[shape.size() - back];
    if (extent != 1 && (axis != 1 || extent != result[1]))
      return std::nullopt;
  }
  ConstantData data(value);
  std::vector<double> channels(static_cast<size_t>(result[1]));
  for (size_t c = 0; c < channels.size(); ++c)
    channels[c] = data[data.size() == 1 ? 0 : c];
  return channels;
}

std::optional<ScaledValue> asScaling(Operation *op) {
  if (!isa_and_nonnull<AddOp, SubOp, MulOp>(op))
    return std::nullopt;
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  for (unsigned constant : {1u, 0u}) {
    Value value = op->getOperand(1 - constant);
    auto numbers = perChannel(op->getOperand(constant), type.getShape());
    if (!numbers || value.getType() != type)
      continue;
    ChannelScaling scaling{std::vector<double>(numbers->size(), 1.0),
                           std::vector<double>(numbers->size(), 0.0)};
    if (isa<MulOp>(op)) {
      scaling.factor = *numbers;
    } else {
      // v + c, v - c, or c - v
      bool subtracts = isa<SubOp>(op);
      for (size_t c = 0; c < numbers->size(); ++c) {
        scaling.factor[c] = subtracts && constant == 0 ? -1.0 : 1.0;
        scaling.offset[c] = subtracts && constant == 1 ? -(*numbers)[c] : (*numbers)[c];
      }
    }
    return ScaledValue{value, std::move(scaling)};
  }
  return std::nullopt;
}

Value makeChannelConstant(PatternRewriter &rewriter, Operation *op, ArrayRef<int64_t> shape,
                          ArrayRef<double> values, StringRef suffix) {
  return ConstantOp::create(rewriter, op->getLoc(),
                            makeConstant(rewriter.getContext(), shape,
                                         std::vector<float>(values.begin(), values.end()),
                                         layerName(op) + suffix.str()));
}

Value addOffsets(PatternRewriter &rewriter, Operation *op, Value value, ArrayRef<double> offset) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(static_cast<size_t>(type.getRank()) - 1, 1);
  shape.front() = type.getDimSize(1);
  Value constant = makeChannelConstant(rewriter, op, shape, offset, ".offset");
  return AddOp::create(rewriter, op->getLoc(), type, value, constant);
}

bool hasConstantWeights(Operation *op) {
  return isa_and_nonnull<Conv2dOp, LinearOp>(op) && constantValue(weightOf(op)) &&
         (!biasOf(op) || constantValue(biasOf(op)));
}

Operation *foldableLayer(Value value) {
  Operation *layer = value.getDefiningOp();
  return hasConstantWeights(layer) && value.hasOneUse() ? layer : nullptr;
}

size_t outputChannels(Operation *layer) { return static_cast<size_t>(weightShape(layer)[0]); }

/// A copy of `layer` with another operand, weights and bias, at the rewriter's place.
static Value copyLayer(PatternRewriter &rewriter, Operation *layer, Value input,
                       std::vector<float> weight, std::vector<float> bias) {
  std::string name = layerName(layer);
  Location location = layer->getLoc();
  auto constant = [&](ArrayRef<int64_t> shape, std::vector<float> values, const char *suffix) {
    return ConstantOp::create(
        rewriter, location,
        makeConstant(rewriter.getContext(), shape, std::move(values), name + suffix));
  };
  Value newWeight = constant(weightShape(layer), std::move(weight), ".weight");
  Value newBias = constant(weightShape(layer).take_front(), std::move(bias), ".bias");
  if (auto conv = dyn_cast<Conv2dOp>(layer))
    return Conv2dOp::create(rewriter, location, conv.getType(), input, newWeight, newBias,
                            conv.getStridesAttr(), conv.getDilationsAttr(), conv.getPadsAttr(),
                            conv.getGroupsAttr());
  return LinearOp::create(rewriter, location, cast<LinearOp>(layer).getType(), input, newWeight,
                          newBias);
}

/// The bias, or zeros.
static std::vector<double> biasValues(Operation *layer) {
  if (!biasOf(layer))
    return std::vector<double>(outputChannels(layer), 0.0);
  ConstantData data(biasOf(layer));
  return {data.begin(), data.end()};
}

Value makeScaledLayer(PatternRewriter &rewriter, Operation *layer, const ChannelScaling &scaling) {
  ConstantData weight(weightOf(layer));
  std::vector<float> scaled(weight.size());
  size_t channels = outputChannels(layer), perChannel = weight.size() / channels;
  for (size_t i = 0; i < scaled.size(); ++i)
    scaled[i] = static_cast<float>(scaling.factor[i / perChannel] * weight[i]);
  std::vector<double> old = biasValues(layer);
  std::vector<float> bias(channels);
  for (size_t c = 0; c < channels; ++c)
    bias[c] = static_cast<float>(scaling.factor[c] * old[c] + scaling.offset[c]);
  return copyLayer(rewriter, layer, layer->getOperand(0), std::move(scaled), std::move(bias));
}

void replaceByScaledLayer(PatternRewriter &rewriter, Operation *user, Operation *layer,
                          const ChannelScaling &scaling) {
  rewriter.setInsertionPoint(user);
  rewriter.replaceOp(user, makeScaledLayer(rewriter, layer, scaling));
  rewriter.eraseOp(layer);
}

LogicalResult replaceByLayerOn(PatternRewriter &rewriter, Operation *layer, Value input,
                               const ChannelScaling &scaling) {
  int64_t groups = 1;
  if (auto conv = dyn_cast<Conv2dOp>(layer)) {
    groups = static_cast<int64_t>(conv.getGroups());
    bool pads = llvm::any_of(conv.getPads(), [](int64_t pad) { return pad != 0; });
    if (pads && llvm::any_of(scaling.offset, [](double offset) { return offset != 0; }))
      return rewriter.notifyMatchFailure(layer, "the padding has no offset");
  }
  ConstantData weight(weightOf(layer));
  std::vector<float> scaled(weight.size());
  std::vector<double> bias = biasValues(layer);
  // Weight [O, I / groups, taps]: output channel o reads the input channels of group o / (O /
  // groups).
  size_t outputs = outputChannels(layer), inputs = static_cast<size_t>(weightShape(layer)[1]),
         taps = weight.size() / (outputs * inputs),
         perGroup = outputs / static_cast<size_t>(groups);
  for (size_t o = 0, at = 0; o < outputs; ++o)
    for (size_t i = 0; i < inputs; ++i) {
      size_t channel = o / perGroup * inputs + i;
      for (size_t tap = 0; tap < taps; ++tap, ++at) {
        scaled[at] = static_cast<float>(weight[at] * scaling.factor[channel]);
        bias[o] += weight[at] * scaling.offset[channel];
      }
    }
  rewriter.replaceOp(layer, copyLayer(rewriter, layer, input, std::move(scaled),
                                      std::vector<float>(bias.begin(), bias.end())));
  return success();
}

} // namespace gfs::nn
