// SPDX-License-Identifier: Apache-2.0
#include "passes/nn/SinkScaling.h"

#include "dialects/nn/NnConstants.h"

using namespace mlir;

namespace gfs::nn {

static bool allEqual(ArrayRef<double> numbers, double number) {
  return llvm::all_of(numbers, [=](double each) { return each == number; });
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
    rewriter.setInsertionPointAfterValue(value);
    // Negating single channels would be local, and tell everybody which: signs are weights.
    if (allEqual(scaling.factor, 1))
      return scaled = addOffsets(rewriter, old, value, scaling.offset);
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
