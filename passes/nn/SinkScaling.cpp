// SPDX-License-Identifier: Apache-2.0
#include "passes/nn/SinkScaling.h"

#include "dialects/nn/NnConstants.h"

#include <numeric>

using namespace mlir;

namespace gfs::nn {

static bool allEqual(ArrayRef<double> numbers, double number) {
  return llvm::all_of(numbers, [=](double each) { return each == number; });
}

/// Positions [0, count) along axis 1 in another order, or some of them.
static Value takeChannels(PatternRewriter &rewriter, Location location, Value value,
                          ArrayRef<int64_t> channels) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[1] = static_cast<int64_t>(channels.size());
  return TakeOp::create(rewriter, location, type.clone(shape), value, 1, channels);
}

/// -value in the channels with negative sign, by taking them apart: no share is multiplied.
static Value applySigns(PatternRewriter &rewriter, Location location, Value value,
                        ArrayRef<double> signs) {
  auto negated = [&](Value part) -> Value {
    Value minus = ConstantOp::create(rewriter, location, makeSplat(rewriter.getContext(), {}, -1));
    return MulOp::create(rewriter, location, part.getType(), part, minus);
  };
  if (allEqual(signs, 1))
    return value;
  if (allEqual(signs, -1))
    return negated(value);
  SmallVector<int64_t> positive, negative, back(signs.size());
  for (size_t c = 0; c < signs.size(); ++c)
    (signs[c] > 0 ? positive : negative).push_back(static_cast<int64_t>(c));
  int64_t place = 0;
  for (ArrayRef<int64_t> group : {ArrayRef(positive), ArrayRef(negative)})
    for (int64_t c : group)
      back[static_cast<size_t>(c)] = place++;
  Value parts[] = {takeChannels(rewriter, location, value, positive),
                   negated(takeChannels(rewriter, location, value, negative))};
  Value joined = ConcatOp::create(rewriter, location, value.getType(), parts, 1);
  return takeChannels(rewriter, location, joined, back);
}

namespace {
/// One value, the scaling of it that its users expect, and what is made of it on demand.
class Sink {
public:
  Sink(PatternRewriter &rewriter, Operation *old, Value value, const ChannelScaling &scaling)
      : rewriter(rewriter), old(old), value(value), scaling(scaling) {}

  void run() {
    for (OpOperand &use : llvm::make_early_inc_range(old->getResult(0).getUses()))
      serve(use);
    rewriter.eraseOp(old);
  }

private:
  PatternRewriter &rewriter;
  Operation *old;
  Value value;
  const ChannelScaling &scaling;
  Value shifted, scaled; ///< value + offset / factor, and the scaling itself.

  void serve(OpOperand &use) {
    Operation *user = use.getOwner();
    bool feeds = use.getOperandNumber() == 0;
    if (feeds && hasConstantWeights(user)) {
      serveLayer(user);
      return;
    }
    auto pool = dyn_cast<AvgPool2dOp>(user);
    if (pool && serveAverage(pool))
      return;
    auto reshape = dyn_cast<ReshapeOp>(user);
    if (reshape && serveReshape(reshape))
      return;
    use.set(scaledValue());
  }

  void serveLayer(Operation *layer) {
    rewriter.setInsertionPoint(layer);
    if (succeeded(replaceByLayerOn(rewriter, layer, value, scaling)))
      return;
    Value input = shiftedValue();
    rewriter.setInsertionPoint(layer);
    (void)replaceByLayerOn(rewriter, layer, input, factorsOnly()); // padding is no obstacle
  }

  /// mean(f y + o) = f mean(y) + o where every window lies inside.
  bool serveAverage(AvgPool2dOp pool) {
    bool pads = llvm::any_of(pool.getPads(), [](int64_t pad) { return pad != 0; });
    Value input = pads && pool.getCountIncludePad() ? shiftedValue() : value;
    const ChannelScaling &rest = input == value ? scaling : factorsOnly();
    rewriter.setInsertionPoint(pool);
    auto average = AvgPool2dOp::create(
        rewriter, pool.getLoc(), pool.getType(), input, pool.getKernelAttr(), pool.getStridesAttr(),
        pool.getDilationsAttr(), pool.getPadsAttr(), pool.getCountIncludePadAttr());
    replaceByScaling(rewriter, pool, average, rest);
    return true;
  }

  /// [N, C, ...] to [N, C * rest]: each channel's numbers, rest times.
  bool serveReshape(ReshapeOp reshape) {
    ArrayRef<int64_t> from = reshape.getInput().getType().getShape(),
                      to = reshape.getType().getShape();
    if (to.size() < 2 || from[0] != to[0] || to[1] % from[1] != 0)
      return false;
    // Either the other axes join the channels, or they alone change.
    int64_t rest = to[1] / from[1];
    if (rest != 1 && to.size() != 2)
      return false;
    ChannelScaling repeated;
    for (size_t c = 0; c < scaling.factor.size(); ++c)
      for (int64_t i = 0; i < rest; ++i) {
        repeated.factor.push_back(scaling.factor[c]);
        repeated.offset.push_back(scaling.offset[c]);
      }
    rewriter.setInsertionPoint(reshape);
    Value shaped = ReshapeOp::create(rewriter, reshape.getLoc(), reshape.getType(), value);
    replaceByScaling(rewriter, reshape, shaped, repeated);
    return true;
  }

  ChannelScaling factorsOnly() const {
    return {scaling.factor, std::vector<double>(scaling.factor.size(), 0.0)};
  }

  Value shiftedValue() {
    if (!shifted) {
      std::vector<double> offset = scaling.offset;
      for (size_t c = 0; c < offset.size(); ++c)
        offset[c] /= scaling.factor[c];
      rewriter.setInsertionPointAfterValue(value);
      shifted = allEqual(offset, 0) ? value : addOffsets(rewriter, old, value, offset);
    }
    return shifted;
  }

  Value scaledValue() {
    if (scaled)
      return scaled;
    bool signsOnly =
        llvm::all_of(scaling.factor, [](double factor) { return factor == 1 || factor == -1; });
    rewriter.setInsertionPointAfterValue(value);
    if (signsOnly) {
      scaled = applySigns(rewriter, old->getLoc(), value, scaling.factor);
      if (!allEqual(scaling.offset, 0))
        scaled = addOffsets(rewriter, old, scaled, scaling.offset);
    } else {
      auto channels = static_cast<int64_t>(scaling.factor.size());
      auto constant = [&](ArrayRef<double> numbers, StringRef suffix) {
        return makeChannelConstant(rewriter, old, channels, numbers, suffix);
      };
      std::vector<double> zero(scaling.factor.size(), 0.0), one(scaling.factor.size(), 1.0);
      Value factor = constant(scaling.factor, ".factor"),
            offset = constant(scaling.offset, ".offset"), mean = constant(zero, ".mean"),
            variance = constant(one, ".var");
      scaled = BatchNormOp::create(rewriter, old->getLoc(), value.getType(), value, factor, offset,
                                   mean, variance, rewriter.getF64FloatAttr(0.0));
    }
    return scaled;
  }
};
} // namespace

void replaceByScaling(PatternRewriter &rewriter, Operation *old, Value value,
                      const ChannelScaling &scaling) {
  if (allEqual(scaling.factor, 1) && allEqual(scaling.offset, 0))
    rewriter.replaceOp(old, value);
  else
    Sink(rewriter, old, value, scaling).run();
}

} // namespace gfs::nn
