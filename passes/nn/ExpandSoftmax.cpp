// SPDX-License-Identifier: Apache-2.0
// nn-expand-softmax: the client computes a softmax that comes last; the servers compute any other,
//
//   softmax(x) = e / sum e,  log_softmax(x) = t - log sum e  for e = exp t, t = x - max x.
//
// t <= 0, so no e is above 1 and the sum lies between 1 and the number of elements.
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnShapes.h"
#include "passes/nn/Passes.h"

#include "mlir/IR/PatternMatch.h"

namespace gfs::nn {
#define GEN_PASS_DEF_NNEXPANDSOFTMAX
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;
using namespace gfs::nn;

namespace {

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

bool isReturned(OpOperand &use) { return isa<func::ReturnOp>(use.getOwner()); }

/// Builds what one softmax expands to; all of it is named after its layer.
class Expansion {
public:
  Expansion(IRRewriter &rewriter, Operation *softmax, uint64_t axis)
      : rewriter(rewriter), softmax(softmax), axis(axis) {}

  void logarithm() {
    Value t = belowMaximum();
    Value sum = total(exponential(t));
    replace(binary<SubOp>(t, function(FunctionKind::Log, sum)));
  }

  void quotient() {
    Value e = exponential(belowMaximum());
    Value inverse = function(FunctionKind::Reciprocal, total(e));
    if (Operation *layer = layerThatSums())
      return divideBehind(layer, e, inverse);
    replace(binary<MulOp>(e, inverse));
  }

private:
  template <class Op, class... Args> Value emit(ArrayRef<int64_t> shape, Args &&...args) {
    return Op::create(rewriter, softmax->getLoc(), tensorType(rewriter.getContext(), shape),
                      std::forward<Args>(args)...);
  }
  Value function(FunctionKind kind, Value x) {
    return emit<FunctionOp>(shapeOf(x), kind, x, ArrayRef<double>());
  }
  Value exponential(Value t) {
    Value e = function(FunctionKind::Exp, t);
    e.getDefiningOp<FunctionOp>().setAtMost(APFloat(0.0));
    return e;
  }
  /// `rhs` has extents of the lhs's, or 1.
  template <class Op> Value binary(Value lhs, Value rhs) {
    return emit<Op>(shapeOf(lhs), lhs, rhs);
  }

  /// A pooling over the axis, which keeps one element.
  template <class Pool> Value reduced(Value x) {
    Shape shape(shapeOf(x)), moved;
    SmallVector<int64_t> last;
    for (size_t i = 0; i < shape.size(); ++i)
      if (i != axis)
        last.push_back(static_cast<int64_t>(i));
    last.push_back(static_cast<int64_t>(axis));
    for (int64_t i : last)
      moved.push_back(shape[static_cast<size_t>(i)]);
    const int64_t count = shape[axis], rows = elementCount(shape) / count;
    const int64_t kernel[] = {count, 1}, ones[] = {1, 1}, none[] = {0, 0, 0, 0};
    if (!llvm::is_sorted(last))
      x = emit<TransposeOp>(moved, x, ArrayRef<int64_t>(last));
    x = emit<ReshapeOp>({1, rows, count, 1}, x);
    x = emit<Pool>({1, rows, 1, 1}, x, ArrayRef<int64_t>(kernel), ArrayRef<int64_t>(ones),
                   ArrayRef<int64_t>(ones), ArrayRef<int64_t>(none));
    shape[axis] = 1;
    return emit<ReshapeOp>(shape, x);
  }
  Value belowMaximum() {
    Value x = softmax->getOperand(0);
    return binary<SubOp>(x, reduced<MaxPool2dOp>(x));
  }
  Value total(Value e) {
    Value mean = reduced<AvgPool2dOp>(e);
    const auto count = static_cast<float>(shapeOf(e)[axis]);
    Value factor = ConstantOp::create(rewriter, softmax->getLoc(),
                                      makeSplat(rewriter.getContext(), {}, count));
    Value sum = binary<MulOp>(mean, factor);
    sum.getDefiningOp()->setAttr(publicFactorAttr, rewriter.getUnitAttr());
    return sum;
  }

  /// The one user, if it makes fewer elements of sums over the axis and all else alike: a
  /// convolution of one pixel, or a matrix product.
  Operation *layerThatSums() {
    Operation *user = softmax->hasOneUse() ? *softmax->getUsers().begin() : nullptr;
    if (!user || axis != 1 || user->getOperand(0) != softmax->getResult(0) ||
        elementCount(shapeOf(user->getResult(0))) >= elementCount(shapeOf(softmax->getResult(0))))
      return nullptr;
    if (isa<LinearOp>(user))
      return user;
    auto conv = dyn_cast<Conv2dOp>(user);
    auto alike = [](ArrayRef<int64_t> values, int64_t expected) {
      return llvm::all_of(values, [=](int64_t value) { return value == expected; });
    };
    return conv && alike(shapeOf(conv.getWeight()).drop_front(2), 1) &&
                   alike(conv.getStrides(), 1) && alike(conv.getPads(), 0)
               ? user
               : nullptr;
  }

  /// W (e / s) + b = (W e) / s + b: as many products as the layer has results.
  void divideBehind(Operation *layer, Value e, Value inverse) {
    Value bias = layer->getNumOperands() > 2 ? layer->getOperand(2) : Value();
    rewriter.setInsertionPointAfter(layer);
    Operation *sums = rewriter.clone(*layer);
    sums->setOperand(0, e);
    if (bias)
      sums->eraseOperand(2);
    Value result = binary<MulOp>(sums->getResult(0), inverse);
    if (bias) {
      Shape perChannel(shapeOf(result).size(), 1);
      perChannel[1] = shapeOf(bias)[0];
      result = binary<AddOp>(result, emit<ReshapeOp>(perChannel, bias));
    }
    rewriter.replaceOp(layer, result);
  }

  void replace(Value value) {
    rewriter.replaceUsesWithIf(softmax->getResult(0), value,
                               [](OpOperand &use) { return !isReturned(use); });
  }

  IRRewriter &rewriter;
  Operation *softmax;
  const uint64_t axis;
};

void expand(Expansion expansion, SoftmaxOp) { expansion.quotient(); }
void expand(Expansion expansion, LogSoftmaxOp) { expansion.logarithm(); }

struct ExpandSoftmax : gfs::nn::impl::NnExpandSoftmaxBase<ExpandSoftmax> {
  void runOnOperation() override {
    visitAll<SoftmaxOp>();
    visitAll<LogSoftmaxOp>();
  }

  template <class Softmax> void visitAll() {
    IRRewriter rewriter(&getContext());
    for (Softmax softmax : llvm::make_early_inc_range(getOperation().getOps<Softmax>())) {
      if (llvm::all_of(softmax->getUses(), isReturned))
        continue;
      rewriter.setInsertionPoint(softmax);
      expand(Expansion(rewriter, softmax, softmax.getAxis()), softmax);
      if (softmax->use_empty())
        rewriter.eraseOp(softmax);
      ++numExpanded;
    }
  }
};

} // namespace
