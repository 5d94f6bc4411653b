// SPDX-License-Identifier: Apache-2.0
// What is decided about scales before any operation is converted.
#include "passes/convert/NnToFixedScales.h"
#include "passes/convert/NnToFixedFit.h"
#include "runtime/plan/Limits.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace gfs {

/// Magnitudes below this are taken for it: a value that is always zero still needs a scale.
static constexpr double leastMagnitude = 1e-9;
/// Leaves room below the type's limit for averages and settlements.
static constexpr int greatestScale = 44;
/// Bits of the integer that stands for a pending factor that is no power of two.
static constexpr int settlementBits = 11;

int ceilLog2(double value) {
  int exponent = 0;
  double mantissa =
      std::frexp(value, &exponent); // value = mantissa * 2^exponent, 1/2 <= mantissa < 1
  return mantissa == 0.5 ? exponent - 1 : exponent;
}

int floorLog2(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  return exponent - 1;
}

static bool isConstant(Value value) { return value.getDefiningOp<nn::ConstantOp>() != nullptr; }

/// A hard sigmoid times something that ends in a sum, as attention with a residual has it. Settling
/// the sigmoid's slope in the product would cost the product settlementBits bits of the ring; in
/// the sigmoid's own pieces it costs nothing.
static bool isGateOfSum(nn::FunctionOp function) {
  bool found = false;
  auto isSum = [&](Operation *user) {
    found |= isa<nn::AddOp, nn::SubOp, nn::ConcatOp>(user) &&
             llvm::none_of(user->getOperands(), isConstant);
  };
  if (function.getKind() == nn::FunctionKind::HardSigmoid)
    forEachUse(function.getResult(), [&](Operation *user) {
      if (isa<nn::MulOp>(user) && llvm::none_of(user->getOperands(), isConstant))
        forEachUse(user->getResult(0), isSum);
    });
  return found;
}

/// A factor of at least `many` values, by itself or times a constant.
static bool isFactorOf(Value value, int64_t many) {
  bool found = false;
  forEachUse(value, [&](Operation *user) {
    if (!isa<nn::MulOp>(user))
      return;
    Value product = user->getResult(0);
    found |= cast<RankedTensorType>(product.getType()).getNumElements() >= many ||
             (llvm::any_of(user->getOperands(), isConstant) && isFactorOf(product, many));
  });
  return found;
}

/// An inverse as in normalisations and softmaxes: of one value, for many.
static bool isInverseOfMany(nn::FunctionOp function) {
  constexpr int64_t leastRatio = 16;
  return llvm::is_contained({nn::FunctionKind::Reciprocal, nn::FunctionKind::Rsqrt},
                            function.getKind()) &&
         isFactorOf(function.getResult(), leastRatio * function.getType().getNumElements());
}

FailureOr<ScaleAnalysis> ScaleAnalysis::run(func::FuncOp function, const FixedOptions &options) {
  ScaleAnalysis analysis(options);
  if (failed(analysis.checkRanges(function)))
    return failure();
  if (options.fit)
    analysis.fitted = fitFactors(function, options);
  LogicalResult defined = success();
  for (Operation &op : function.getBody().front()) {
    analysis.findPending(&op);
    if (auto real = dyn_cast<nn::FunctionOp>(op); real && failed(analysis.findSpline(real)))
      defined = failure();
  }
  if (failed(defined))
    return failure();
  analysis.findDemands(function);
  return analysis;
}

LogicalResult ScaleAnalysis::checkRanges(func::FuncOp function) const {
  LogicalResult result = success();
  for (BlockArgument argument : function.getArguments())
    if (!fixed::calibratedRange(argument))
      result = function.emitError() << "argument " << argument.getArgNumber() << " has no '"
                                    << fixed::rangeAttr << "': calibrate before converting";
  for (Operation &op : function.getBody().front())
    if (op.getNumResults() == 1 && !isa<nn::ConstantOp>(op) &&
        !fixed::calibratedRange(op.getResult(0)))
      result = op.emitOpError() << "has no '" << fixed::rangeAttr
                                << "': calibrate before converting";
  return result;
}

double ScaleAnalysis::pending(Value value) const {
  auto found = pendingFactors.find(value);
  return found == pendingFactors.end() ? 1.0 : found->second;
}

fixed::RealRange ScaleAnalysis::heldRange(Value value) const {
  fixed::RealRange range = fixed::calibratedRange(value).value_or(fixed::RealRange{});
  double factor = pending(value);
  return {range.min / factor, range.max / factor};
}

int ScaleAnalysis::averageBits(Operation *pool) {
  ArrayRef<int64_t> kernel = cast<nn::AvgPool2dOp>(pool).getKernel();
  return floorLog2(static_cast<double>(kernel[0] * kernel[1]));
}

fixed::RealRange ScaleAnalysis::sumRange(nn::AvgPool2dOp pool) const {
  const fixed::RealRange range = *fixed::calibratedRange(pool.getResult());
  const double count = static_cast<double>(pool.getKernel()[0] * pool.getKernel()[1]),
               factor = std::ldexp(count, -averageBits(pool)) / pending(pool.getInput());
  return {factor * range.min, factor * range.max};
}

void ScaleAnalysis::findPending(Operation *op) {
  auto sameOrSettled = [&](ValueRange values) {
    double first = pending(values.front());
    return llvm::all_of(values, [&](Value value) { return pending(value) == first; }) ? first : 1.0;
  };
  auto fittedFactor = [&](Operation *linear) {
    auto found = fitted.find(linear->getResult(0));
    return found == fitted.end() ? 1.0 : found->second;
  };
  auto ofSum = [&](auto sum) {
    if (isConstant(sum.getLhs()))
      return pending(sum.getRhs());
    return isConstant(sum.getRhs()) ? pending(sum.getLhs()) : sameOrSettled(sum->getOperands());
  };
  double factor =
      llvm::TypeSwitch<Operation *, double>(op)
          .Case<nn::ReluOp, nn::MaxPool2dOp, nn::ReshapeOp, nn::TransposeOp, nn::TakeOp, nn::PadOp>(
              [&](Operation *unary) { return pending(unary->getOperand(0)); })
          .Case([&](nn::FunctionOp real) {
            return isGateOfSum(real) ? 1.0
                                     : functionResultFactor(real.getKind(), real.getParameters(),
                                                            pending(real.getInput()));
          })
          .Case([&](nn::SquareOp square) { return std::pow(pending(square.getInput()), 2); })
          .Case([&](nn::AvgPool2dOp pool) {
            if (!dividesUniformly(pool) || dividesAtOnce(pool))
              return 1.0;
            double count = static_cast<double>(pool.getKernel()[0] * pool.getKernel()[1]);
            return pending(pool.getInput()) * std::ldexp(1.0, averageBits(pool)) / count;
          })
          .Case<nn::AddOp, nn::SubOp>(ofSum)
          .Case([&](nn::ConcatOp concat) { return sameOrSettled(concat.getInputs()); })
          .Case([&](nn::MatMulOp product) {
            return pending(product.getLhs()) * pending(product.getRhs());
          })
          .Case([&](nn::MulOp mul) {
            Value lhs = mul.getLhs(), rhs = mul.getRhs();
            if (!isConstant(lhs) && !isConstant(rhs))
              return pending(lhs) * pending(rhs);
            auto [constant, value] = isConstant(lhs) ? std::pair(lhs, rhs) : std::pair(rhs, lhs);
            std::optional<double> scalar = uniformConstant(constant);
            return isLinearMul(mul) ? fittedFactor(mul) : pending(value) * std::fabs(*scalar);
          })
          .Case<nn::Conv2dOp, nn::LinearOp, nn::BatchNormOp>(fittedFactor)
          .Default([](Operation *) { return 1.0; });
  if (factor != 1.0)
    pendingFactors[op->getResult(0)] = factor;
}

LogicalResult ScaleAnalysis::findSpline(nn::FunctionOp op) {
  fixed::RealRange range = *fixed::calibratedRange(op.getInput()), held = heldRange(op.getInput());
  if (!nn::functionDomain(op.getKind(), op.getParameters()).containsAll(range.min, range.max))
    return op.emitOpError() << "is not defined everywhere from " << range.min << " to " << range.max
                            << ", the range of its operand in calibration: "
                            << nn::stringifyFunctionKind(op.getKind())
                            << " needs other calibration data (--calib), or an operand kept away "
                               "from where it is not defined";
  FunctionGoal goal;
  goal.kind = op.getKind();
  goal.parameters = op.getParameters();
  goal.operandFactor = pending(op.getInput());
  goal.low = held.min;
  goal.high = held.max;
  if (auto bound = op.getAtMost())
    goal.atMost = bound->convertToDouble() / goal.operandFactor;
  goal.headroom = options.headroom;
  goal.settled = isGateOfSum(op);
  goal.error = options.activationError > 0
                   ? options.activationError
                   : std::ldexp(1.0, 2 - static_cast<int>(options.activationBits));
  // What all its pieces cost is little beside the values that it multiplies.
  goal.towardsLeast = isInverseOfMany(op);
  goal.mostKnots = goal.towardsLeast ? plan::maxThresholds : goal.mostKnots;
  splines[op] = splineOf(goal);
  return success();
}

double windowFill(double magnitude, const FixedOptions &options) {
  double margin = 1 + std::ldexp(1.0, 1 - static_cast<int>(options.windowBits));
  return options.headroom * margin * std::max(magnitude, leastMagnitude);
}

int ScaleAnalysis::largestScale(double magnitude, unsigned bits) const {
  int scale = static_cast<int>(bits) - 1 - floorLog2(windowFill(magnitude, options));
  return std::min(scale, greatestScale);
}

int ScaleAnalysis::activationScale(Value value) const {
  const int bits = static_cast<int>(options.activationBits);
  const double magnitude = std::max(heldRange(value).magnitude(), leastMagnitude);
  const std::optional<double> extra = options.equalBits ? std::nullopt : fixed::extraBits(value);
  const double scale = extra ? bits + *extra - std::log2(magnitude) : bits - ceilLog2(magnitude);
  // Weights that would get less than does as little harm share what is missing with the value.
  double missing = 0;
  forEachUse(value, [&](Operation *user) {
    if (auto wanted = wantedWeightScale(user))
      missing = std::max(missing, *wanted - (demand(user->getResult(0)) - scale));
  });
  return static_cast<int>(std::floor(scale - missing / 2 + 0.5));
}

std::optional<double> ScaleAnalysis::wantedWeightScale(Operation *linear) const {
  auto extra = options.equalBits ? std::nullopt : fixed::extraWeightScale(linear);
  return extra ? std::optional(options.activationBits + *extra + options.favourWeights)
               : std::nullopt;
}

int ScaleAnalysis::wish(Value value) const {
  int base = activationScale(value), best = std::numeric_limits<int>::min();
  for (Operation *user : value.getUsers()) {
    int wanted = base;
    if (isa<nn::AvgPool2dOp>(user))
      wanted = std::min(base, activationScale(user->getResult(0)) - (averageBits(user) + 1) / 2);
    else if (isa<nn::ReshapeOp, nn::TransposeOp>(user))
      wanted = wish(user->getResult(0));
    best = std::max(best, wanted);
  }
  return value.use_empty() ? base : best;
}

ScaleAnalysis::Settlement ScaleAnalysis::settlement(Value value) const {
  double factor = pending(value);
  int exponent = floorLog2(factor);
  if (std::ldexp(1.0, exponent) == factor)
    return {1, -exponent};
  int growth = settlementBits - 1 - exponent;
  // A factor of few bits, such as 3/4, needs no more.
  while (growth > -exponent && std::fmod(std::ldexp(factor, growth - 1), 1.0) == 0)
    --growth;
  return {std::llrint(std::ldexp(factor, growth)), growth};
}

nn::ReluOp ScaleAnalysis::reluBeside(Value addend) const {
  constexpr int leastGrowth = 4;
  auto mul = addend.getDefiningOp<nn::MulOp>();
  if (!mul || isLinearMul(mul) || settlement(addend).scaleGrowth < leastGrowth)
    return {};
  Value source = isConstant(mul.getLhs()) ? mul.getRhs() : mul.getLhs();
  for (Operation *user : source.getUsers())
    if (auto relu = dyn_cast<nn::ReluOp>(user))
      return relu;
  return {};
}

void ScaleAnalysis::lowerDemand(Value value, int bound) {
  auto [entry, isNew] = demands.try_emplace(value, bound);
  entry->second = std::min(entry->second, bound);
}

/// Operations through which a value leaves without being opened.
static bool isExit(Operation *op) { return isa<func::ReturnOp>(op) || nn::isPostProcess(op); }

void ScaleAnalysis::findDemands(func::FuncOp function) {
  auto seed = [&](Value value) {
    bool leavesOnly = llvm::all_of(value.getUsers(), isExit);
    double magnitude = heldRange(value).magnitude();
    // A function may grow faster than its operand does within its head-room.
    if (auto real = value.getDefiningOp<nn::FunctionOp>())
      magnitude = std::max(magnitude, spline(real).magnitude / options.headroom);
    lowerDemand(value, largestScale(magnitude, options.ringBits - (leavesOnly ? 1 : 2)));
  };
  for (BlockArgument argument : function.getArguments())
    seed(argument);
  for (Operation &op : llvm::reverse(function.getBody().front())) {
    if (op.getNumResults() == 1 && !isa<nn::ConstantOp>(op))
      seed(op.getResult(0));
    demandOperands(&op);
  }
}

/// `op`'s own result already has its final demand: its users come later in the program and were
/// seen before.
void ScaleAnalysis::demandOperands(Operation *op) {
  auto isShortened = [&](Value operand) {
    return isa<nn::AddOp, nn::SubOp>(op) && pending(operand) != pending(op->getResult(0)) &&
           reluBeside(operand);
  };
  auto settledGrowth = [&](Value operand, double factor) {
    return pending(operand) == factor ? 0 : settlement(operand).scaleGrowth;
  };
  auto pass = [&](Value operand) {
    if (!isConstant(operand) && !isShortened(operand))
      lowerDemand(operand,
                  demand(op->getResult(0)) - settledGrowth(operand, pending(op->getResult(0))));
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case<nn::ReshapeOp, nn::TransposeOp, nn::TakeOp, nn::PadOp>(
          [&](Operation *unary) { pass(unary->getOperand(0)); })
      .Case<nn::AddOp, nn::SubOp, nn::ConcatOp>([&](Operation *join) {
        for (Value operand : join->getOperands())
          pass(operand);
      })
      .Case([&](nn::MulOp mul) {
        // A product with a scalar holds the same integers; other products open their operands.
        for (auto [constant, value] :
             {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())})
          if (isConstant(constant) && !isLinearMul(mul))
            lowerDemand(value, demand(mul.getResult()));
      })
      .Case([&](nn::FunctionOp real) {
        // The window holds the distance to the farthest threshold.
        const std::vector<double> &knots = spline(real).spline.knots;
        double farthest = std::max({-knots.front(), knots.back(), 0.0});
        lowerDemand(real.getInput(), largestScale(heldRange(real.getInput()).magnitude() +
                                                      farthest / options.headroom,
                                                  options.ringBits - 2));
      })
      .Case([&](nn::MaxPool2dOp pool) {
        lowerDemand(pool.getInput(), demand(pool.getResult()));
        lowerDemand(pool.getInput(),
                    largestScale(heldRange(pool.getInput()).spread(), options.ringBits - 2));
      })
      .Case([&](nn::AvgPool2dOp pool) {
        if (auto parts = partsOf(pool))
          return lowerDemand(pool.getInput(), largestScale(heldRange(pool.getInput()).magnitude(),
                                                           options.ringBits - 2) -
                                                  ceilLog2(double((*parts)[0] * (*parts)[1])));
        if (dividesAtOnce(pool))
          return lowerDemand(pool.getInput(),
                             largestScale(sumRange(pool).magnitude(), options.ringBits - 2) -
                                 averageBits(pool));
        // Where windows divide by different numbers, the sum may be twice the average at scale +
        // averageBits.
        int slack = dividesUniformly(pool) ? 0 : 1;
        lowerDemand(pool.getInput(), demand(pool.getResult()) - averageBits(pool) - slack);
      })
      .Case<func::ReturnOp, nn::SoftmaxOp, nn::LogSoftmaxOp, nn::ArgmaxOp, nn::TopValuesOp,
            nn::TopIndicesOp>([&](Operation *exit) {
        for (Value result : exit->getOperands())
          lowerDemand(result, largestScale(fixed::calibratedRange(result)->magnitude(),
                                           options.ringBits - 1) -
                                  settledGrowth(result, 1.0));
      });
}

} // namespace gfs
