// SPDX-License-Identifier: Apache-2.0
// nn-recognise-functions: products of x and a function of x, and inverse roots, as exporters
// decompose them.
#include "dialects/nn/NnConstants.h"
#include "passes/nn/Passes.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <cmath>
#include <numbers>

namespace gfs::nn {
#define GEN_PASS_DEF_NNRECOGNISEFUNCTIONS
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;
using namespace gfs::nn;

namespace {

/// Exporters write constants with as few as six digits.
bool isNear(double value, double expected) {
  return std::fabs(value - expected) <= 1e-5 * std::fabs(expected);
}

std::optional<double> scalarOf(Value value) {
  ElementsAttr constant = constantValue(value);
  std::optional<float> splat = constant ? splatValue(constant) : std::nullopt;
  return splat ? std::optional<double>(*splat) : std::nullopt;
}

/// value = factor * base, or base + offset: the scalar is the operand that is one, 1 or 0 if there
/// is none or it would repeat the base.
struct Affine {
  Value base;
  double scalar;
};

template <class Op> Affine split(Value value, double neutral) {
  auto op = value.getDefiningOp<Op>();
  if (!op)
    return {value, neutral};
  for (auto [base, other] : {std::pair(op.getLhs(), op.getRhs()), {op.getRhs(), op.getLhs()}})
    if (auto scalar = scalarOf(other); scalar && base.getType() == value.getType())
      return {base, *scalar};
  return {value, neutral};
}
Affine splitProduct(Value value) { return split<MulOp>(value, 1); }
Affine splitSum(Value value) { return split<AddOp>(value, 0); }

FunctionOp functionOf(Value value, FunctionKind kind) {
  auto function = value.getDefiningOp<FunctionOp>();
  return function && function.getKind() == kind ? function : FunctionOp();
}

/// scalar times the product of `factors`.
struct Product {
  double scalar = 1;
  SmallVector<Value, 3> factors;
};

/// Scalars taken out of products that nothing else uses.
void flatten(Value value, bool isRoot, Product &product) {
  auto mul = value.getDefiningOp<MulOp>();
  if (!mul || !(isRoot || mul->hasOneUse()))
    return product.factors.push_back(value);
  for (Value operand : mul->getOperands()) {
    if (auto scalar = scalarOf(operand))
      product.scalar *= *scalar;
    else
      flatten(operand, false, product);
  }
}

/// scalar * kind(x).
struct Recognised {
  FunctionKind kind;
  Value x;
  SmallVector<double, 2> parameters;
  double scalar;
};

/// c x^3 for c = 0.044715: x^3 is x^2 x.
bool isCubicTerm(Value value, Value x) {
  Product product;
  flatten(value, true, product);
  auto square = [&](Value factor) {
    auto op = factor.getDefiningOp<SquareOp>();
    return op && op.getInput() == x;
  };
  return isNear(product.scalar, 0.044715) && product.factors.size() == 2 &&
         ((product.factors[0] == x && square(product.factors[1])) ||
          (product.factors[1] == x && square(product.factors[0])));
}

/// sqrt(2 / pi) (x + 0.044715 x^3).
bool isGeluArgument(Value value, Value x) {
  Affine argument = splitProduct(value);
  auto sum = argument.base.getDefiningOp<AddOp>();
  return sum && isNear(argument.scalar, std::sqrt(2 / std::numbers::pi)) &&
         ((sum.getLhs() == x && isCubicTerm(sum.getRhs(), x)) ||
          (sum.getRhs() == x && isCubicTerm(sum.getLhs(), x)));
}

/// x g where g is made of a function of x. What becomes a parameter of a function stands in the
/// plan, so it must be a number that nobody trained.
std::optional<Recognised> recogniseGated(Value x, Value gate) {
  if (auto sigmoid = functionOf(gate, FunctionKind::Sigmoid)) {
    Affine argument = sigmoid.getInput() == x ? Affine{x, 1} : splitProduct(sigmoid.getInput());
    if (argument.base == x && argument.scalar > 0 && isRoundNumber(argument.scalar))
      return Recognised{FunctionKind::Silu, x, {argument.scalar}, 1};
  }
  if (auto tanh = functionOf(gate, FunctionKind::Tanh))
    if (auto softplus = functionOf(tanh.getInput(), FunctionKind::Softplus);
        softplus && softplus.getInput() == x)
      return Recognised{FunctionKind::Mish, x, {}, 1};
  if (auto hard = functionOf(gate, FunctionKind::HardSigmoid);
      hard && hard.getInput() == x && isNear(hard.getParameters()[0], 1.0 / 6) &&
      isNear(hard.getParameters()[1], 0.5))
    return Recognised{FunctionKind::HardSwish, x, {}, 1};
  if (auto clip = functionOf(gate, FunctionKind::Clip)) {
    Affine argument = splitSum(clip.getInput());
    if (argument.base == x && isNear(argument.scalar, 3) && clip.getParameters()[0] == 0 &&
        isNear(clip.getParameters()[1], 6))
      return Recognised{FunctionKind::HardSwish, x, {}, 6};
  }
  Affine raised = splitSum(gate);
  if (raised.scalar != 1)
    return std::nullopt;
  if (auto erf = functionOf(raised.base, FunctionKind::Erf)) {
    Affine argument = splitProduct(erf.getInput());
    if (argument.base == x && isNear(argument.scalar, 1 / std::numbers::sqrt2))
      return Recognised{FunctionKind::Gelu, x, {}, 2};
  }
  if (auto tanh = functionOf(raised.base, FunctionKind::Tanh))
    if (isGeluArgument(tanh.getInput(), x))
      return Recognised{FunctionKind::GeluTanh, x, {}, 2};
  return std::nullopt;
}

/// clip(x + b, 0, c) = c hard_sigmoid(x) with slope 1 / c and offset b / c, where 1 / c is in the
/// product.
std::optional<Recognised> recogniseHardSigmoid(Value value, double scalar) {
  auto clip = functionOf(value, FunctionKind::Clip);
  if (!clip || clip.getParameters()[0] != 0 || !isNear(scalar * clip.getParameters()[1], 1))
    return std::nullopt;
  double top = clip.getParameters()[1];
  Affine argument = splitSum(clip.getInput());
  if (!isRoundNumber(argument.scalar))
    return std::nullopt;
  return Recognised{
      FunctionKind::HardSigmoid, argument.base, {1 / top, argument.scalar / top}, top};
}

struct RecogniseProduct : OpRewritePattern<MulOp> {
  RecogniseProduct(MLIRContext *context, Pass::Statistic &recognised)
      : OpRewritePattern(context), recognised(recognised) {}

  LogicalResult matchAndRewrite(MulOp mul, PatternRewriter &rewriter) const override {
    // Left to the outermost product, which may have the rest of the scalars.
    if (mul->hasOneUse() && isa<MulOp>(*mul->user_begin()) &&
        splitProduct(mul->user_begin()->getResult(0)).base == mul)
      return rewriter.notifyMatchFailure(mul, "part of a larger product");
    Product product;
    flatten(mul, true, product);
    std::optional<Recognised> found;
    if (product.factors.size() == 1)
      found = recogniseHardSigmoid(product.factors[0], product.scalar);
    if (product.factors.size() == 2)
      found = recogniseGated(product.factors[0], product.factors[1]);
    if (product.factors.size() == 2 && !found)
      found = recogniseGated(product.factors[1], product.factors[0]);
    if (!found || found->x.getType() != mul.getType())
      return rewriter.notifyMatchFailure(mul, "not a function of one value");

    Value result = FunctionOp::create(rewriter, mul.getLoc(), mul.getType(), found->kind, found->x,
                                      found->parameters);
    if (double scalar = product.scalar * found->scalar; !isNear(scalar, 1)) {
      Value factor = ConstantOp::create(rewriter, mul.getLoc(),
                                        makeSplat(getContext(), {}, static_cast<float>(scalar)));
      result = MulOp::create(rewriter, mul.getLoc(), mul.getType(), result, factor);
    }
    rewriter.replaceOp(mul, result);
    ++recognised;
    return success();
  }
  Pass::Statistic &recognised;
};

/// 1 / sqrt(x) and sqrt(1 / x), as normalisations are decomposed.
struct RecogniseInverseRoot : OpRewritePattern<FunctionOp> {
  RecogniseInverseRoot(MLIRContext *context, Pass::Statistic &recognised)
      : OpRewritePattern(context), recognised(recognised) {}

  LogicalResult matchAndRewrite(FunctionOp outer, PatternRewriter &rewriter) const override {
    auto inner = outer.getInput().getDefiningOp<FunctionOp>();
    auto are = [&](FunctionKind first, FunctionKind second) {
      return inner && inner.getKind() == first && outer.getKind() == second;
    };
    if (!are(FunctionKind::Sqrt, FunctionKind::Reciprocal) &&
        !are(FunctionKind::Reciprocal, FunctionKind::Sqrt))
      return rewriter.notifyMatchFailure(outer, "not a root and an inverse");
    rewriter.replaceOpWithNewOp<FunctionOp>(outer, outer.getType(), FunctionKind::Rsqrt,
                                            inner.getInput(), ArrayRef<double>());
    ++recognised;
    return success();
  }
  Pass::Statistic &recognised;
};

struct RecogniseFunctions : gfs::nn::impl::NnRecogniseFunctionsBase<RecogniseFunctions> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RecogniseProduct, RecogniseInverseRoot>(&getContext(), numRecognised);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
