// SPDX-License-Identifier: Apache-2.0
// nn-balance-sums: values that meet in a sum are held times a factor per channel, so that the
// quadratics behind the sum become bare squares.
#include "dialects/nn/NnConstants.h"
#include "passes/nn/Passes.h"
#include "passes/nn/ScaleLayer.h"

#include "llvm/ADT/IntEqClasses.h"

#include <cmath>

namespace gfs::nn {
#define GEN_PASS_DEF_NNBALANCESUMS
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;
using namespace gfs::nn;

namespace {

/// A channel that would have to be held smaller or larger than this would lose its bits.
constexpr double leastFactor = 0x1p-6, greatestFactor = 0x1p6;

bool isConstant(Value value) { return value.getDefiningOp<ConstantOp>() != nullptr; }

/// One factor per channel (axis 1) of every value: value v is held as t v. A node of the graph is a
/// channel of a value; channels that must have the same factor are one class.
class Factors {
public:
  explicit Factors(func::FuncOp function) : function(function) {
    for (BlockArgument argument : function.getArguments())
      number(argument);
    for (Operation &op : function.getBody().front())
      if (op.getNumResults() == 1 && !isConstant(op.getResult(0)))
        number(op.getResult(0));
    classes.grow(nodes);
    for (Operation &op : function.getBody().front())
      join(&op);
    classes.compress();
    factors.assign(classes.getNumClasses(), std::nullopt);
    for (BlockArgument argument : function.getArguments())
      pin(argument);
    for (Operation &op : function.getBody().front())
      pinAround(&op);
    for (Operation &op : llvm::reverse(function.getBody().front()))
      if (auto mixed = dyn_cast<MixedActivationOp>(op); mixed && !foldableLayer(mixed.getInput()))
        demand(mixed);
  }

  /// By channel; 1 where nothing asks for another.
  std::vector<double> of(Value value) const {
    std::vector<double> result;
    for (unsigned k = 0; k < channelsOf(value); ++k)
      result.push_back(factors[classOf(value, k)].value_or(1.0));
    return result;
  }

private:
  static unsigned channelsOf(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.getRank() > 1 ? static_cast<unsigned>(type.getDimSize(1)) : 1;
  }
  void number(Value value) {
    first[value] = nodes;
    nodes += channelsOf(value);
  }
  unsigned classOf(Value value, unsigned k) const { return classes[first.lookup(value) + k]; }
  void joinChannel(Value a, Value b, unsigned k) {
    classes.join(first.lookup(a) + k, first.lookup(b) + k);
  }

  /// Operand and result have the same factor, whatever it is as long as it is positive.
  static bool keepsFactor(Operation *op) {
    return isa<ReluOp, MaxPool2dOp, AvgPool2dOp>(op) || isSum(op);
  }
  /// Of two computed values of one shape.
  static bool isSum(Operation *op) {
    return isa<AddOp, SubOp>(op) && llvm::none_of(op->getOperands(), isConstant) &&
           op->getOperand(0).getType() == op->getOperand(1).getType() &&
           cast<RankedTensorType>(op->getResult(0).getType()).getRank() > 1;
  }
  /// Takes factors of its operand and of its result into its weights.
  static bool absorbs(Operation *op) {
    return hasConstantWeights(op) && cast<RankedTensorType>(op->getResult(0).getType()).getRank() ==
                                         (isa<LinearOp>(op) ? 2 : 4);
  }

  void join(Operation *op) {
    if (keepsFactor(op)) {
      for (Value operand : op->getOperands())
        for (unsigned k = 0; k < channelsOf(operand); ++k)
          joinChannel(operand, op->getResult(0), k);
    } else if (auto mixed = dyn_cast<MixedActivationOp>(op)) {
      for (unsigned k = 0; k < channelsOf(mixed.getResult()); ++k)
        if (mixed.isRelu(k))
          joinChannel(mixed.getInput(), mixed.getResult(), k);
    }
  }

  void pin(Value value) {
    for (unsigned k = 0; k < channelsOf(value); ++k)
      factors[classOf(value, k)] = 1.0;
  }
  void pinAround(Operation *op) {
    if (isa<ConstantOp>(op) || keepsFactor(op) || absorbs(op))
      return;
    auto mixed = dyn_cast<MixedActivationOp>(op);
    if (mixed && llvm::all_of(mixed->getOperands().drop_front(), constantValue))
      return;
    for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()),
                                           SmallVector<Value>(op->getResults())))
      if (!isConstant(value))
        pin(value);
  }

  /// What makes p(x) = a x^2 + b x + c, held times u, a bare square of x, held times t, but for its
  /// sign and constant: u a / t^2 = 1; of a line, u b / t = 1.
  void demand(MixedActivationOp mixed) {
    ConstantData a(mixed.getA()), b(mixed.getB());
    for (unsigned k = 0; k < channelsOf(mixed.getResult()); ++k) {
      std::optional<double> &factor = factors[classOf(mixed.getInput(), k)];
      if (mixed.isRelu(k) || factor)
        continue;
      std::optional<double> &after = factors[classOf(mixed.getResult(), k)];
      after = after.value_or(1.0); // Settled: nothing may change it any more.
      double wanted =
          isQuadratic(a[k], b[k]) ? std::sqrt(std::fabs(a[k]) * *after) : std::fabs(b[k]) * *after;
      if (wanted >= leastFactor && wanted <= greatestFactor)
        factor = wanted;
    }
  }

  func::FuncOp function;
  llvm::DenseMap<Value, unsigned> first; ///< Node of a value's first channel.
  unsigned nodes = 0;
  llvm::IntEqClasses classes;
  std::vector<std::optional<double>> factors; ///< By class; nullopt: nobody cares yet.
};

struct BalanceSums : gfs::nn::impl::NnBalanceSumsBase<BalanceSums> {
  void runOnOperation() override {
    const Factors factors(getOperation());
    // Factors are looked up before values are replaced.
    struct Change {
      Operation *op;
      std::vector<double> before, after;
    };
    std::vector<Change> changes;
    for (Operation &op : getOperation().getBody().front()) {
      if (!hasConstantWeights(&op) && !isa<MixedActivationOp>(op))
        continue;
      Change change{&op, factors.of(op.getOperand(0)), factors.of(op.getResult(0))};
      auto isOne = [](double factor) { return factor == 1; };
      if (!llvm::all_of(change.before, isOne) || !llvm::all_of(change.after, isOne))
        changes.push_back(std::move(change));
    }
    PatternRewriter rewriter(&getContext());
    for (Change &change : changes) {
      rewriter.setInsertionPoint(change.op);
      if (auto mixed = dyn_cast<MixedActivationOp>(change.op))
        rescale(rewriter, mixed, change.before, change.after);
      else
        rescaleLayer(rewriter, change.op, change.before, change.after);
    }
    numRescaled += changes.size();
  }

private:
  /// p(x) becomes u p(x / t).
  static void rescale(PatternRewriter &rewriter, MixedActivationOp mixed, ArrayRef<double> before,
                      ArrayRef<double> after) {
    ConstantData a(mixed.getA()), b(mixed.getB()), c(mixed.getC());
    std::vector<double> newA, newB, newC;
    for (size_t k = 0; k < a.size(); ++k) {
      double t = before[k], u = after[k];
      newA.push_back(u * a[k] / (t * t));
      newB.push_back(u * b[k] / t);
      newC.push_back(u * c[k]);
    }
    auto channels = static_cast<int64_t>(a.size());
    auto constant = [&](ArrayRef<double> values, StringRef suffix) {
      return makeChannelConstant(rewriter, mixed, channels, values, suffix);
    };
    mixed.getAMutable().assign(constant(newA, ".a"));
    mixed.getBMutable().assign(constant(newB, ".b"));
    mixed.getCMutable().assign(constant(newC, ".c"));
  }

  static void rescaleLayer(PatternRewriter &rewriter, Operation *layer, ArrayRef<double> before,
                           ArrayRef<double> after) {
    std::vector<double> inverse;
    for (double factor : before)
      inverse.push_back(1 / factor);
    auto withoutOffset = [](std::vector<double> factor) {
      size_t channels = factor.size();
      return ChannelScaling{std::move(factor), std::vector<double>(channels, 0.0)};
    };
    Value scaled = makeScaledLayer(rewriter, layer, withoutOffset(after));
    rewriter.replaceOp(layer, scaled);
    rewriter.setInsertionPointAfterValue(scaled);
    Operation *copy = scaled.getDefiningOp();
    bool done =
        succeeded(replaceByLayerOn(rewriter, copy, copy->getOperand(0), withoutOffset(inverse)));
    (void)done; // Offsets alone can fail.
  }
};

} // namespace
