// SPDX-License-Identifier: Apache-2.0
// Formulas are arranged so that neither end of the axis overflows and no difference cancels.
#include "dialects/nn/NnFunctions.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace mlir;

namespace gfs::nn {

unsigned functionArity(FunctionKind kind) {
  switch (kind) {
  case FunctionKind::Clip:
  case FunctionKind::HardSigmoid:
  case FunctionKind::Selu:
    return 2;
  case FunctionKind::ThresholdedRelu:
  case FunctionKind::Silu:
  case FunctionKind::Elu:
  case FunctionKind::Celu:
  case FunctionKind::Power:
    return 1;
  default:
    return 0;
  }
}

FunctionDomain functionDomain(FunctionKind kind, ArrayRef<double> parameters) {
  switch (kind) {
  case FunctionKind::Sqrt:
    return {.needsNonNegative = true};
  case FunctionKind::Log:
  case FunctionKind::Rsqrt:
    return {.needsNonNegative = true, .needsNonZero = true};
  case FunctionKind::Reciprocal:
    return {.needsNonZero = true};
  case FunctionKind::Power:
    return {.needsNonNegative = std::trunc(parameters[0]) != parameters[0],
            .needsNonZero = parameters[0] < 0};
  default:
    return {};
  }
}

/// 1 / (1 + e^-x); exp of a large number is infinite and its inverse 0, as it should be.
static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

static double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

static double gelu(double x) { return x * std::erfc(-x / std::numbers::sqrt2) / 2; }

/// With u = sqrt(2/pi) (x + 0.044715 x^3): x (1 + tanh u) / 2 = x sigmoid(2u).
static double geluTanh(double x) {
  double u = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return x * sigmoid(2 * u);
}

static double elu(double x, double alpha, double width) {
  return x > 0 ? x : alpha * std::expm1(x / width);
}

double evaluateFunction(FunctionKind kind, ArrayRef<double> parameters, double x) {
  auto p = [&](unsigned i) { return parameters[i]; };
  switch (kind) {
  case FunctionKind::Clip:
    return std::min(std::max(x, p(0)), p(1));
  case FunctionKind::HardSigmoid:
    return std::clamp(p(0) * x + p(1), 0.0, 1.0);
  case FunctionKind::HardSwish:
    return x * std::clamp((x + 3) / 6, 0.0, 1.0);
  case FunctionKind::ThresholdedRelu:
    return x > p(0) ? x : 0;
  case FunctionKind::Sigmoid:
    return sigmoid(x);
  case FunctionKind::Tanh:
    return std::tanh(x);
  case FunctionKind::Silu:
    return x * sigmoid(p(0) * x);
  case FunctionKind::Gelu:
    return gelu(x);
  case FunctionKind::GeluTanh:
    return geluTanh(x);
  case FunctionKind::Erf:
    return std::erf(x);
  case FunctionKind::Elu:
    return elu(x, p(0), 1);
  case FunctionKind::Selu:
    return p(1) * elu(x, p(0), 1);
  case FunctionKind::Celu:
    return elu(x, p(0), p(0));
  case FunctionKind::Softplus:
    return softplus(x);
  case FunctionKind::Softsign:
    return x / (1 + std::fabs(x));
  case FunctionKind::Mish:
    return x * std::tanh(softplus(x));
  case FunctionKind::Exp:
    return std::exp(x);
  case FunctionKind::Log:
    return std::log(x);
  case FunctionKind::Sqrt:
    return std::sqrt(x);
  case FunctionKind::Rsqrt:
    return 1 / std::sqrt(x);
  case FunctionKind::Reciprocal:
    return 1 / x;
  case FunctionKind::Power:
    return std::pow(x, p(0));
  }
  return std::nan("");
}

LogicalResult FunctionOp::verify() {
  // function_c1
  ArrayRef<double> parameters = getParameters();
  StringRef kind = stringifyFunctionKind(getKind());
  if (parameters.size() != functionArity(getKind()))
    return emitOpError() << "expects " << functionArity(getKind()) << " parameters of " << kind
                         << ", got " << parameters.size() << " (function_c1)";
  if (!llvm::all_of(parameters, [](double value) { return std::isfinite(value); }))
    return emitOpError() << "expects finite parameters (function_c1)";
  // function_c2
  if (getKind() == FunctionKind::Clip && !(parameters[0] < parameters[1]))
    return emitOpError() << "expects bounds that ascend, got " << parameters[0] << " and "
                         << parameters[1] << " (function_c2)";
  bool needsSlope = llvm::is_contained(
      {FunctionKind::HardSigmoid, FunctionKind::Silu, FunctionKind::Celu}, getKind());
  if (needsSlope && !(parameters[0] > 0))
    return emitOpError() << "expects a positive first parameter of " << kind << ", got "
                         << parameters[0] << " (function_c2)";
  // function_c3
  if (getAtMost() && getAtMost()->isNaN())
    return emitOpError("expects a number as bound of its operand (function_c3)");
  return success();
}

} // namespace gfs::nn
