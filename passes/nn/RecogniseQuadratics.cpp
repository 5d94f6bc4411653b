// SPDX-License-Identifier: Apache-2.0
// nn-recognise-quadratics: sums and products that spell out a polynomial of one value.
#include "dialects/nn/NnConstants.h"
#include "passes/nn/Passes.h"
#include "passes/nn/ScaleLayer.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

namespace gfs::nn {
#define GEN_PASS_DEF_NNRECOGNISEQUADRATICS
#include "passes/nn/Passes.h.inc"
} // namespace gfs::nn

using namespace mlir;

namespace {

using Coefficients = std::vector<double>;

/// a x^2 + b x + c + d max(x, 0), channel by channel.
struct Polynomial {
  Coefficients a, b, c, d;

  explicit Polynomial(size_t channels) : a(channels), b(channels), c(channels), d(channels) {}
  bool isLinear() const { return isZero(a) && isZero(d); }
  bool isConstant() const { return isLinear() && isZero(b); }
  static bool isZero(const Coefficients &numbers) {
    return llvm::all_of(numbers, [](double number) { return number == 0; });
  }
};

/// Operations that an expression may consist of.
bool isArithmetic(Operation *op) {
  return isa_and_nonnull<gfs::nn::AddOp, gfs::nn::SubOp, gfs::nn::MulOp, gfs::nn::SquareOp>(op);
}

/// Reads expressions as polynomials of one value.
class Reader {
public:
  Reader(Value x, RankedTensorType type)
      : x(x), type(type), channels(static_cast<size_t>(type.getDimSize(1))) {}

  /// nullopt for what is no polynomial of x, of degree 2 at most, within `greatestDepth`
  /// operations.
  std::optional<Polynomial> read(Value value, unsigned depth = 0) const {
    Polynomial result(channels);
    if (value == x) {
      result.b.assign(channels, 1.0);
      return result;
    }
    if (auto numbers = gfs::nn::perChannel(value, type.getShape())) {
      result.c = *numbers;
      return result;
    }
    Operation *op = value.getDefiningOp();
    if (value.getType() != type || depth == greatestDepth)
      return std::nullopt;
    if (auto relu = dyn_cast_or_null<gfs::nn::ReluOp>(op); relu && relu.getInput() == x) {
      result.d.assign(channels, 1.0);
      return result;
    }
    if (!isArithmetic(op))
      return std::nullopt;
    auto lhs = read(op->getOperand(0), depth + 1);
    auto rhs = lhs ? read(op->getOperands().back(), depth + 1) : std::nullopt;
    if (!rhs)
      return std::nullopt;
    if (isa<gfs::nn::AddOp, gfs::nn::SubOp>(op))
      return sum(*lhs, *rhs, isa<gfs::nn::SubOp>(op) ? -1 : 1);
    return product(*lhs, *rhs);
  }

  static constexpr unsigned greatestDepth = 8;

private:
  Value x;
  RankedTensorType type;
  size_t channels;

  Polynomial sum(const Polynomial &p, const Polynomial &q, double sign) const {
    Polynomial result(channels);
    for (size_t k = 0; k < channels; ++k) {
      result.a[k] = p.a[k] + sign * q.a[k];
      result.b[k] = p.b[k] + sign * q.b[k];
      result.c[k] = p.c[k] + sign * q.c[k];
      result.d[k] = p.d[k] + sign * q.d[k];
    }
    return result;
  }

  std::optional<Polynomial> product(const Polynomial &p, const Polynomial &q) const {
    // Degree two at most, and ReLUs only times constants.
    if (!(p.isConstant() || q.isConstant() || (p.isLinear() && q.isLinear())))
      return std::nullopt;
    Polynomial result(channels);
    for (size_t k = 0; k < channels; ++k) {
      result.a[k] = p.a[k] * q.c[k] + p.b[k] * q.b[k] + p.c[k] * q.a[k];
      result.b[k] = p.b[k] * q.c[k] + p.c[k] * q.b[k];
      result.c[k] = p.c[k] * q.c[k];
      result.d[k] = p.d[k] * q.c[k] + p.c[k] * q.d[k];
    }
    return result;
  }
};

/// Values that an expression may be a polynomial of, the farthest from its result last.
void findBases(Value value, unsigned depth, llvm::SetVector<Value> &bases) {
  Operation *op = value.getDefiningOp();
  auto relu = dyn_cast_or_null<gfs::nn::ReluOp>(op);
  if (depth > Reader::greatestDepth || !(relu || isArithmetic(op)))
    return;
  for (Value operand : op->getOperands())
    if (operand.getType() == value.getType() && !gfs::nn::constantValue(operand)) {
      bases.insert(operand);
      if (!relu)
        findBases(operand, depth + 1, bases);
    }
}

/// Channels that are max(x, 0) and nothing else; nullopt if a channel mixes it with more.
std::optional<SmallVector<bool>> reluChannels(const Polynomial &polynomial) {
  SmallVector<bool> channels;
  for (size_t k = 0; k < polynomial.d.size(); ++k) {
    bool relu = polynomial.d[k] != 0;
    if (relu && (polynomial.d[k] != 1 || polynomial.a[k] != 0 || polynomial.b[k] != 0 ||
                 polynomial.c[k] != 0))
      return std::nullopt;
    channels.push_back(relu);
  }
  return channels;
}

struct RecogniseQuadratics : gfs::nn::impl::NnRecogniseQuadraticsBase<RecogniseQuadratics> {
  void runOnOperation() override {
    PatternRewriter rewriter(&getContext());
    SmallVector<Operation *> candidates;
    getOperation().walk([&](Operation *op) {
      if (isa<gfs::nn::AddOp, gfs::nn::SubOp, gfs::nn::MulOp>(op))
        candidates.push_back(op);
    });
    // The last first: it takes what leads to it along.
    for (Operation *op : llvm::reverse(candidates)) {
      if (isOpTriviallyDead(op))
        rewriter.eraseOp(op);
      else
        rewrite(op, rewriter);
    }
  }

  void rewrite(Operation *op, PatternRewriter &rewriter) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    if (type.getRank() < 2)
      return;
    llvm::SetVector<Value> bases;
    findBases(op->getResult(0), 0, bases);
    for (Value base : llvm::reverse(bases)) {
      auto polynomial = Reader(base, type).read(op->getResult(0));
      auto relu = polynomial ? reluChannels(*polynomial) : std::nullopt;
      if (!relu || !isWorthIt(*polynomial, *relu))
        continue;
      replace(op, base, *polynomial, *relu, rewriter);
      ++numRecognised;
      return;
    }
  }

  /// Not what is linear, or ReLU in all channels.
  static bool isWorthIt(const Polynomial &polynomial, ArrayRef<bool> relu) {
    return !Polynomial::isZero(polynomial.a) ||
           (llvm::is_contained(relu, true) && llvm::is_contained(relu, false));
  }

  static void replace(Operation *op, Value x, const Polynomial &polynomial, ArrayRef<bool> relu,
                      PatternRewriter &rewriter) {
    rewriter.setInsertionPoint(op);
    auto constant = [&](const Coefficients &values, StringRef suffix) {
      return gfs::nn::makeChannelConstant(rewriter, op, static_cast<int64_t>(values.size()), values,
                                          suffix);
    };
    Value a = constant(polynomial.a, ".a"), b = constant(polynomial.b, ".b"),
          c = constant(polynomial.c, ".c");
    rewriter.replaceOpWithNewOp<gfs::nn::MixedActivationOp>(
        op, x.getType(), x, a, b, c, llvm::is_contained(relu, true) ? relu : ArrayRef<bool>());
  }
};

} // namespace
