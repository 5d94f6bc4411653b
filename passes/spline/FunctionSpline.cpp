// SPDX-License-Identifier: Apache-2.0
// x = p y with p the operand's factor: coefficients of x^k become coefficients of y^k times p^k.
#include "passes/spline/FunctionSpline.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

namespace gfs {

using nn::FunctionKind;

namespace {

/// What is known of a function beside its values.
struct Nature {
  std::optional<Quadratic> below, above; ///< Asymptotes.
  std::vector<double> kinks;
};

constexpr Quadratic identity{0, 1, 0};
constexpr Quadratic constant(double value) { return {value, 0, 0}; }

Nature natureOf(FunctionKind kind, llvm::ArrayRef<double> parameters) {
  switch (kind) {
  case FunctionKind::Sigmoid:
    return {constant(0), constant(1), {}};
  case FunctionKind::Tanh:
  case FunctionKind::Erf:
    return {constant(-1), constant(1), {}};
  case FunctionKind::Softsign:
    return {constant(-1), constant(1), {0.0}};
  case FunctionKind::Silu:
  case FunctionKind::Gelu:
  case FunctionKind::GeluTanh:
  case FunctionKind::Softplus:
  case FunctionKind::Mish:
    return {constant(0), identity, {}};
  case FunctionKind::Elu:
  case FunctionKind::Celu:
    return {constant(-parameters[0]), identity, {0.0}};
  case FunctionKind::Selu:
    return {constant(-parameters[0] * parameters[1]), Quadratic{0, parameters[1], 0}, {0.0}};
  case FunctionKind::Exp:
    return {constant(0), std::nullopt, {}};
  default:
    return {};
  }
}

/// The pieces in x of a function that is made of them, times 1 / resultFactor; nothing for others.
std::optional<PiecewiseQuadratic> exactSpline(FunctionKind kind,
                                              llvm::ArrayRef<double> parameters) {
  switch (kind) {
  case FunctionKind::Clip:
    return PiecewiseQuadratic{{parameters[0], parameters[1]},
                              {constant(parameters[0]), identity, constant(parameters[1])}};
  case FunctionKind::HardSigmoid: {
    double a = parameters[0], b = parameters[1];
    return PiecewiseQuadratic{{-b / a, (1 - b) / a},
                              {constant(0), Quadratic{b / a, 1, 0}, constant(1 / a)}};
  }
  case FunctionKind::HardSwish:
    return PiecewiseQuadratic{{-3, 3}, {constant(0), Quadratic{0, 3, 1}, Quadratic{0, 6, 0}}};
  case FunctionKind::ThresholdedRelu:
    // The upper piece holds for x > a.
    return PiecewiseQuadratic{{std::nextafter(parameters[0], HUGE_VAL)}, {constant(0), identity}};
  default:
    return std::nullopt;
  }
}

/// The leading coefficient of exactSpline, which it is divided by.
double leadingCoefficient(FunctionKind kind, llvm::ArrayRef<double> parameters) {
  return kind == FunctionKind::HardSigmoid ? parameters[0]
         : kind == FunctionKind::HardSwish ? 1.0 / 6
                                           : 1.0;
}

bool isExact(FunctionKind kind) {
  return kind == FunctionKind::Clip || kind == FunctionKind::HardSigmoid ||
         kind == FunctionKind::HardSwish || kind == FunctionKind::ThresholdedRelu;
}

/// Sets magnitude and slope.
void measure(FunctionSpline &result, double low, double high) {
  constexpr int points = 1024;
  const double step = (high - low) / points;
  double before = result.spline(low);
  result.magnitude = std::fabs(before);
  for (int i = 1; i <= points; ++i) {
    double value = result.spline(low + step * i);
    result.magnitude = std::max(result.magnitude, std::fabs(value));
    result.slope = std::max(result.slope, std::fabs(value - before) / step);
    before = value;
  }
}

/// For coefficients that are no integers: so many bits that rounding changes each by 2^-11 of
/// itself at most.
void setCoefficientBits(FunctionSpline &result) {
  constexpr int coefficientBits = 10;
  auto bitsFor = [](double coefficient) {
    return coefficient == 0 ? 0 : std::max(0, coefficientBits - std::ilogb(coefficient));
  };
  for (const Quadratic &piece : result.spline.pieces) {
    result.linearBits = std::max(result.linearBits, bitsFor(piece.c1));
    result.quadraticBits = std::max(result.quadraticBits, bitsFor(piece.c2));
  }
}

struct Interval {
  double low, high;
};

/// How far a function with poles or unbounded growth is followed: its values stay within head-room
/// of the calibrated ones, and its operand does not come nearer to a pole at 0 by more than that.
/// `from` is calibrated, `to` is not.
double followed(const std::function<double(double)> &function, const nn::FunctionDomain &domain,
                double operandFactor, double from, double to, double limit, double headroom) {
  if (domain.needsNonNegative || domain.needsNonZero)
    to = from > 0 ? std::max(to, from / headroom) : std::min(to, from / headroom);
  auto fits = [&](double y) {
    double x = y * operandFactor, start = from * operandFactor;
    return domain.containsAll(std::min(x, start), std::max(x, start)) &&
           std::fabs(function(y)) <= limit;
  };
  if (fits(to))
    return to;
  double good = from, bad = to;
  for (int step = 0; step < 40; ++step) {
    double middle = (good + bad) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  return good;
}

/// Least and greatest value at evenly spaced points.
Interval valuesOn(const std::function<double(double)> &function, double low, double high) {
  constexpr int points = 512;
  Interval values{function(low), function(low)};
  for (int i = 1; i <= points; ++i) {
    double value = function(low + (high - low) * i / points);
    values = {std::min(values.low, value), std::max(values.high, value)};
  }
  return values;
}

/// The fit with quadratic coefficients that are multiples of 2^-bits, for few bits: a result of
/// fewer bits needs less of the ring, which is worth a knot more than real coefficients need.
/// `spread` is that of the function's values.
FunctionSpline fitWithFewBits(FitGoal goal, double spread) {
  constexpr int bitsToTry = 28;
  goal.balance = false;
  SplineFit real = fitSpline(goal);
  const size_t knots = std::min(real.spline.knots.size() + 1, goal.mostKnots);
  auto fits = [&](int bits) {
    goal.quantum = std::ldexp(1.0, -bits);
    SplineFit rough = fitSpline(goal);
    // Errors are measured at other points than those that pieces are chosen by.
    return rough.spline.knots.size() <= knots &&
           rough.error <= 1.05 * std::max(goal.error, real.error);
  };
  // So coarse that a piece over the whole interval would bend by several times the spread.
  int least = -std::ilogb(16 * spread / std::pow(goal.high - goal.low, 2)),
      most = least + bitsToTry;
  while (least < most) {
    int middle = least + (most - least) / 2;
    if (fits(middle))
      most = middle;
    else
      least = middle + 1;
  }
  goal.quantum = std::ldexp(1.0, -least);
  goal.balance = true;
  SplineFit fit = fitSpline(goal);
  FunctionSpline result;
  result.spline = fit.spline;
  result.error = fit.error;
  result.quadraticBits = least;
  // Half a unit of a linear coefficient over half a piece costs a quarter of the bound at most.
  double longest = 0;
  for (size_t j = 1; j < fit.spline.knots.size(); ++j)
    longest = std::max(longest, fit.spline.knots[j] - fit.spline.knots[j - 1]);
  result.linearBits = longest > 0 ? std::ilogb(longest / goal.error) + 1 : 0;
  return result;
}

} // namespace

double functionResultFactor(FunctionKind kind, llvm::ArrayRef<double> parameters,
                            double operandFactor) {
  if (!isExact(kind))
    return 1;
  double degreeFactor =
      kind == FunctionKind::HardSwish ? operandFactor * operandFactor : operandFactor;
  return degreeFactor * leadingCoefficient(kind, parameters);
}

static FunctionSpline makeSpline(const FunctionGoal &goal) {
  const double p = goal.operandFactor,
               reach = goal.headroom * std::max(std::fabs(goal.low), std::fabs(goal.high)),
               calibrated = std::max(std::fabs(goal.low), std::fabs(goal.high)),
               top = std::max(goal.atMost, goal.high);
  // As far beyond the calibrated range as the largest magnitude may grow.
  Interval wide{std::max(-reach, goal.low - (reach - calibrated)),
                std::min({top, reach, goal.high + (reach - calibrated)})};
  if (auto exact = exactSpline(goal.kind, goal.parameters)) {
    FunctionSpline result;
    result.resultFactor = goal.settled ? 1.0 : functionResultFactor(goal.kind, goal.parameters, p);
    const double divisor = result.resultFactor / leadingCoefficient(goal.kind, goal.parameters);
    for (double &knot : exact->knots)
      knot /= p;
    for (Quadratic &piece : exact->pieces)
      piece = {piece.c0 / divisor, piece.c1 * p / divisor, piece.c2 * p * p / divisor};
    result.spline = exact->within(-reach, std::min(top, reach));
    measure(result, -reach, std::min(top, reach));
    if (goal.settled)
      setCoefficientBits(result);
    return result;
  }

  // A value that never changed in calibration, without head-room; of zeros the size is not known.
  if (!(wide.low < wide.high)) {
    const double margin = reach > 0 ? 0x1p-10 * std::max(reach, 1.0) : 1.0;
    wide = {wide.low - margin, wide.high + margin};
  }
  nn::FunctionDomain domain = nn::functionDomain(goal.kind, goal.parameters);
  Nature nature = natureOf(goal.kind, goal.parameters);
  FitGoal fit;
  fit.function = [&](double y) { return evaluateFunction(goal.kind, goal.parameters, p * y); };
  auto [least, greatest] = valuesOn(fit.function, goal.low, goal.high);
  const double limit = goal.headroom * std::max(std::fabs(least), std::fabs(greatest));
  fit.low = wide.low;
  fit.high = wide.high;
  if (!nature.below || !nature.above) {
    fit.low = followed(fit.function, domain, p, goal.low, wide.low, limit, goal.headroom);
    fit.high = followed(fit.function, domain, p, goal.high, wide.high, limit, goal.headroom);
  }
  for (auto [asymptote, to] : {std::pair(&nature.below, &fit.below), {&nature.above, &fit.above}})
    if (*asymptote)
      *to = Quadratic{(*asymptote)->c0, (*asymptote)->c1 * p, 0};
  for (double kink : nature.kinks)
    fit.kinks.push_back(kink / p);
  // Values that calibration did not meet are rare: errors may be larger there, and are relative to
  // how much the function changes there.
  constexpr double rareness = 4;
  const Interval wideValues = valuesOn(fit.function, fit.low, fit.high);
  // A function that hardly changes where it is used is not followed below the noise of its result;
  // one that was nothing but zero, not below that of what else it may be.
  double spread = std::max(greatest - least, limit * 0x1p-6);
  if (spread == 0)
    spread = wideValues.high - wideValues.low;
  if (goal.towardsLeast && least > 0)
    spread = std::sqrt(spread * std::min(spread, least));
  fit.error = std::max(goal.error * spread, 1e-12);
  fit.innerLow = goal.low;
  fit.innerHigh = goal.high;
  fit.looseness =
      rareness * std::max(1.0, (wideValues.high - wideValues.low) * goal.error / fit.error);
  fit.mostKnots = goal.mostKnots;
  FunctionSpline result = fitWithFewBits(fit, std::max(wideValues.high - wideValues.low, spread));
  const double highest = std::min(top, std::max(reach, wide.high));
  if (highest == top)
    result.spline = result.spline.within(-HUGE_VAL, top);
  measure(result, std::min(-reach, wide.low), highest);
  return result;
}

FunctionSpline splineOf(const FunctionGoal &goal) {
  constexpr size_t mostRemembered = 1 << 14;
  static std::mutex mutex;
  static std::map<FunctionGoal, FunctionSpline> remembered;
  {
    std::lock_guard lock(mutex);
    if (auto found = remembered.find(goal); found != remembered.end())
      return found->second;
  }
  FunctionSpline spline = makeSpline(goal);
  std::lock_guard lock(mutex);
  if (remembered.size() >= mostRemembered)
    remembered.clear();
  return remembered.emplace(goal, std::move(spline)).first->second;
}

} // namespace gfs
