// SPDX-License-Identifier: Apache-2.0
// Factors that make values just fill their sign windows.
#include "passes/convert/NnToFixedFit.h"
#include "dialects/nn/NnConstants.h"
#include "passes/convert/NnToFixedScales.h"

#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace gfs {

static bool isConstant(Value value) { return value.getDefiningOp<nn::ConstantOp>() != nullptr; }

void forEachUse(Value value, function_ref<void(Operation *)> visit) {
  for (Operation *user : value.getUsers()) {
    if (isa<nn::TakeOp, nn::ReshapeOp, nn::TransposeOp>(user))
      forEachUse(user->getResult(0), visit);
    else
      visit(user);
  }
}

bool dividesUniformly(nn::AvgPool2dOp pool) {
  return pool.getCountIncludePad() ||
         llvm::all_of(pool.getPads(), [](int64_t pad) { return pad == 0; });
}

bool dividesAtOnce(nn::AvgPool2dOp pool) {
  constexpr int64_t fewestSummed = 16, leastRatio = 4;
  const int64_t elements = pool.getResult().getType().getNumElements();
  bool found = false;
  forEachUse(pool.getResult(), [&](Operation *user) {
    found |= isa<nn::AddOp, nn::SubOp>(user) && llvm::none_of(user->getOperands(), isConstant) &&
             cast<RankedTensorType>(user->getResult(0).getType()).getNumElements() >=
                 leastRatio * elements;
  });
  return found && pool.getKernel()[0] * pool.getKernel()[1] >= fewestSummed;
}

std::optional<std::array<int64_t, 2>> partsOf(nn::AvgPool2dOp pool) {
  constexpr int64_t mostInPart = 64, fewestInPart = 8, fewestSquares = 4096;
  const ArrayRef<int64_t> image = pool.getInput().getType().getShape().take_back(2);
  const bool isWhole = image == pool.getKernel() &&
                       llvm::all_of(pool.getPads(), [](int64_t pad) { return pad == 0; });
  const bool ofSquares = isa_and_nonnull<nn::SquareOp>(pool.getInput().getDefiningOp());
  const int64_t fewest = dividesAtOnce(pool) ? mostInPart
                         : ofSquares         ? fewestSquares
                                             : std::numeric_limits<int64_t>::max();
  if (!isWhole || image[0] * image[1] <= fewest)
    return std::nullopt;
  std::array<int64_t, 2> best{1, 1};
  for (int64_t rows = 1; rows <= mostInPart; ++rows)
    for (int64_t columns = 1; rows * columns <= mostInPart; ++columns)
      if (image[0] % rows == 0 && image[1] % columns == 0 && rows * columns > best[0] * best[1])
        best = {rows, columns};
  return best[0] * best[1] >= fewestInPart ? std::optional(best) : std::nullopt;
}

bool isLinearMul(nn::MulOp mul) {
  Value constant = isConstant(mul.getLhs()) ? mul.getLhs() : mul.getRhs();
  if (!isConstant(constant))
    return false;
  const double scalar = uniformConstant(constant).value_or(0);
  return scalar == 0 || !(mul->hasAttr(nn::publicFactorAttr) || nn::isRoundNumber(scalar));
}

/// An average whose sum is its result at another scale.
static bool dividesByScale(nn::AvgPool2dOp pool) {
  int64_t count = pool.getKernel()[0] * pool.getKernel()[1];
  return dividesUniformly(pool) && (count & (count - 1)) == 0;
}

static bool isLinearLayer(Operation *op) {
  if (auto mul = dyn_cast<nn::MulOp>(op))
    return isLinearMul(mul);
  return isa<nn::Conv2dOp, nn::LinearOp, nn::BatchNormOp>(op);
}

/// Operand and result are held without the same factor.
static bool keepsFactor(Operation *op) {
  if (auto pool = dyn_cast<nn::AvgPool2dOp>(op))
    return dividesByScale(pool) && !dividesAtOnce(pool);
  if (auto function = dyn_cast<nn::FunctionOp>(op))
    return function.getKind() == nn::FunctionKind::Clip;
  return isa<nn::ReluOp, nn::MaxPool2dOp, nn::ReshapeOp, nn::TransposeOp, nn::TakeOp, nn::PadOp,
             nn::AddOp, nn::SubOp, nn::ConcatOp>(op);
}

namespace {
/// The sets of values with one factor each.
class FactorSets {
public:
  FactorSets(func::FuncOp function, const FixedOptions &options) : options(options) {
    for (BlockArgument argument : function.getArguments())
      number(argument);
    for (Operation &op : function.getBody().front())
      if (op.getNumResults() == 1 && !isConstant(op.getResult(0)))
        number(op.getResult(0));
    classes.grow(static_cast<unsigned>(values.size()));
    for (Operation &op : function.getBody().front())
      join(&op);
    classes.compress();
    pinned.assign(classes.getNumClasses(), false);
    ranges.resize(classes.getNumClasses());
    for (BlockArgument argument : function.getArguments())
      pinned[setOf(argument)] = true;
    for (Operation &op : function.getBody().front())
      inspect(&op);
  }

  llvm::DenseMap<Value, double> factors() const {
    std::vector<double> bySet;
    for (size_t set = 0; set < ranges.size(); ++set)
      bySet.push_back(pinned[set] ? 1.0 : bestFactor(ranges[set]));
    llvm::DenseMap<Value, double> result;
    for (Value value : values)
      if (Operation *op = value.getDefiningOp();
          op && isLinearLayer(op) && bySet[setOf(value)] != 1.0)
        result[value] = bySet[setOf(value)];
    return result;
  }

private:
  void number(Value value) {
    numbers[value] = static_cast<unsigned>(values.size());
    values.push_back(value);
  }
  unsigned setOf(Value value) const { return classes[numbers.lookup(value)]; }

  void join(Operation *op) {
    if (!keepsFactor(op))
      return;
    for (Value operand : op->getOperands())
      if (!isConstant(operand))
        classes.join(numbers.lookup(operand), numbers.lookup(op->getResult(0)));
  }

  /// Pins what linear layers alone do not make and use; notes the ranges that windows hold.
  void inspect(Operation *op) {
    if (isa<nn::ConstantOp>(op))
      return;
    if (!isLinearLayer(op) && !keepsFactor(op)) {
      for (Value operand : op->getOperands())
        if (!isConstant(operand) && !isa<nn::FunctionOp>(op)) // whose spline takes any factor in
          pinned[setOf(operand)] = true;
      for (Value result : op->getResults())
        pinned[setOf(result)] = true;
    }
    if (!isa<nn::ReluOp, nn::MaxPool2dOp, nn::FunctionOp>(op))
      return;
    fixed::RealRange range = *fixed::calibratedRange(op->getOperand(0));
    double largest = isa<nn::MaxPool2dOp>(op) ? range.spread() : range.magnitude();
    if (largest > 0)
      ranges[setOf(op->getOperand(0))].push_back(windowFill(largest, options));
  }

  /// The part of its window, in (1/2, 1], that a range fills.
  static double fraction(double fill) { return std::ldexp(fill, -ceilLog2(fill)); }

  static double bestFactor(ArrayRef<double> fills) {
    double best = 1.0, least = std::numeric_limits<double>::infinity();
    for (double candidate : fills) {
      // A hair above what fills the window, so that rounding does not push it over.
      double factor = std::min(fraction(candidate) * (1 + 0x1p-20), 1.0), cost = 0;
      for (double fill : fills)
        cost += std::pow(fraction(fill / factor), -3);
      if (cost < least) {
        least = cost;
        best = factor;
      }
    }
    return best;
  }

  const FixedOptions &options;
  llvm::IntEqClasses classes;
  llvm::DenseMap<Value, unsigned> numbers;
  std::vector<Value> values;
  std::vector<bool> pinned;
  std::vector<SmallVector<double, 2>> ranges; ///< By set: what its windows must hold.
};
} // namespace

llvm::DenseMap<Value, double> fitFactors(func::FuncOp function, const FixedOptions &options) {
  return FactorSets(function, options).factors();
}

} // namespace gfs
