// SPDX-License-Identifier: Apache-2.0
// nn-fuse-mixed-linear: a x^2 + b x + c = s (r x + s b / 2r)^2 + (c - b^2 / 4a), r = sqrt|a|.
#include "dialects/nn/NnConstants.h"
#include "passes/nn/Passes.h"
#include "passes/nn/SinkScaling.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <cmath>

namespace gfs::nn {
#define GEN_PASS_DEF_NNFUSEMIXEDLINEAR
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;
using gfs::nn::ChannelScaling;

namespace {

/// What a channel needs between the scaling before and the scaling after.
enum class Gate { Relu, Square, Pass, Zero };

/// y = after(gate(before(x))), channel by channel.
struct Plan {
  std::vector<Gate> gates;
  ChannelScaling before, after;

  void add(Gate gate, double factor, double offset, double afterFactor, double afterOffset) {
    gates.push_back(gate);
    before.factor.push_back(factor);
    before.offset.push_back(offset);
    after.factor.push_back(afterFactor);
    after.offset.push_back(afterOffset);
  }

  /// a x^2 + b x + c. With a layer before, it takes every factor that need not stay behind the
  /// gate.
  void addPolynomial(double a, double b, double c, bool layerBefore) {
    if (gfs::nn::isQuadratic(a, b)) {
      double rest = c - b * b / (4 * a), root = std::sqrt(std::fabs(a)), sign = a > 0 ? 1 : -1;
      if (layerBefore)
        add(Gate::Square, root, sign * b / (2 * root), sign, rest);
      else
        add(Gate::Square, 1, b / (2 * a), a, rest);
    } else if (b == 0) {
      add(Gate::Zero, 1, 0, 1, c);
    } else if (layerBefore) {
      add(Gate::Pass, b, c, 1, 0);
    } else {
      add(Gate::Pass, 1, 0, b, c);
    }
  }
};

Plan planFor(gfs::nn::MixedActivationOp op, bool layerBefore) {
  gfs::nn::ConstantData a(op.getA()), b(op.getB()), c(op.getC());
  Plan plan;
  for (size_t k = 0; k < a.size(); ++k)
    if (op.isRelu(k))
      plan.add(Gate::Relu, 1, 0, 1, 0);
    else
      plan.addPolynomial(a[k], b[k], c[k], layerBefore);
  return plan;
}

struct FuseActivation : OpRewritePattern<gfs::nn::MixedActivationOp> {
  FuseActivation(MLIRContext *context, Pass::Statistic &fused)
      : OpRewritePattern(context), fused(fused) {}

  LogicalResult matchAndRewrite(gfs::nn::MixedActivationOp op,
                                PatternRewriter &rewriter) const override {
    for (Value coefficient : op->getOperands().drop_front())
      if (!gfs::nn::constantValue(coefficient))
        return rewriter.notifyMatchFailure(op, "a coefficient is no constant");
    Operation *layer = gfs::nn::foldableLayer(op.getInput());
    Plan plan = planFor(op, layer != nullptr);
    rewriter.setInsertionPoint(op);
    Value result =
        makeGates(op, scaleInput(op, layer, plan.before, rewriter), plan.gates, rewriter);
    gfs::nn::replaceByScaling(rewriter, op, result, plan.after);
    if (layer)
      rewriter.eraseOp(layer);
    ++fused;
    return success();
  }
  Pass::Statistic &fused;

private:
  static bool hasOffsets(const ChannelScaling &scaling) {
    return llvm::any_of(scaling.offset, [](double offset) { return offset != 0; });
  }

  /// before(x): in the weights of the layer that makes x, in the bias of one whose result x is with
  /// something added, or by adding offsets, which are all there is without a layer.
  static Value scaleInput(gfs::nn::MixedActivationOp op, Operation *layer,
                          const ChannelScaling &before, PatternRewriter &rewriter) {
    if (layer)
      return gfs::nn::makeScaledLayer(rewriter, layer, before);
    if (!hasOffsets(before))
      return op.getInput();
    auto sum = op.getInput().getDefiningOp<gfs::nn::AddOp>();
    for (unsigned i = 0; sum && sum->hasOneUse() && i < 2; ++i) {
      Operation *addend = gfs::nn::foldableLayer(sum->getOperand(i));
      if (!addend || sum->getOperand(i).getType() != sum.getType())
        continue;
      Value shifted = gfs::nn::makeScaledLayer(rewriter, addend, before),
            rest = sum->getOperand(1 - i);
      return gfs::nn::AddOp::create(rewriter, sum.getLoc(), sum.getType(), shifted, rest);
    }
    return gfs::nn::addOffsets(rewriter, op, op.getInput(), before.offset);
  }

  static Value makeGate(Location location, Gate gate, Value value, PatternRewriter &rewriter) {
    if (gate == Gate::Relu)
      return gfs::nn::ReluOp::create(rewriter, location, value.getType(), value);
    if (gate == Gate::Square)
      return gfs::nn::SquareOp::create(rewriter, location, value.getType(), value);
    return value;
  }

  /// The gates, each on its channels: taken apart, joined group by group, and put back in order,
  /// where index -1 stands for a zero.
  static Value makeGates(gfs::nn::MixedActivationOp op, Value value, ArrayRef<Gate> gates,
                         PatternRewriter &rewriter) {
    auto type = op.getType();
    auto channelsOf = [&](size_t count) {
      SmallVector<int64_t> shape(type.getShape());
      shape[1] = static_cast<int64_t>(count);
      return type.clone(shape);
    };
    if (llvm::all_equal(gates) && gates.front() != Gate::Zero)
      return makeGate(op.getLoc(), gates.front(), value, rewriter);
    SmallVector<int64_t> back(gates.size(), -1);
    SmallVector<Value> parts;
    int64_t place = 0;
    for (Gate gate : {Gate::Relu, Gate::Square, Gate::Pass}) {
      SmallVector<int64_t> channels;
      for (size_t k = 0; k < gates.size(); ++k)
        if (gates[k] == gate) {
          channels.push_back(static_cast<int64_t>(k));
          back[k] = place++;
        }
      if (channels.empty())
        continue;
      Value part = gfs::nn::TakeOp::create(rewriter, op.getLoc(), channelsOf(channels.size()),
                                           value, 1, channels);
      parts.push_back(makeGate(op.getLoc(), gate, part, rewriter));
    }
    // Nothing but zeros: taken from the value, though its channels do not matter.
    if (parts.empty())
      return gfs::nn::TakeOp::create(rewriter, op.getLoc(), type, value, 1, back);
    Value joined = parts.front();
    if (parts.size() > 1)
      joined = gfs::nn::ConcatOp::create(rewriter, op.getLoc(),
                                         channelsOf(static_cast<size_t>(place)), parts, 1);
    return gfs::nn::TakeOp::create(rewriter, op.getLoc(), type, joined, 1, back);
  }
};

struct FuseMixedLinear : gfs::nn::impl::NnFuseMixedLinearBase<FuseMixedLinear> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseActivation>(&getContext(), numFused);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
