// SPDX-License-Identifier: Apache-2.0
// gfs-spline: shows the spline that stands for a function on a range, and what it costs in
// accuracy.
#include "passes/spline/FunctionSpline.h"
#include "runtime/base/Error.h"
#include "tools/common/CommandLine.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <iostream>

using namespace gfs;
using Json = nlohmann::ordered_json;

namespace {

struct Options {
  std::string kind;
  FunctionGoal goal;
  unsigned pieces = 17, samples = 0;
};

double valueAt(const FunctionGoal &goal, double x) {
  return nn::evaluateFunction(goal.kind, goal.parameters, x);
}

/// Largest difference of function and spline on the range, where values within half a step of a
/// window of `bits` bits of a knot may get the piece on its other side; no window: bits = 0.
double worstError(const FunctionGoal &goal, const FunctionSpline &fit, unsigned bits) {
  const std::vector<double> &knots = fit.spline.knots;
  const double reach = goal.headroom * std::max(std::fabs(goal.low), std::fabs(goal.high)),
               farthest = std::max({-knots.front(), knots.back(), 0.0});
  // The window ends at the power of two that holds the distance to the farthest knot.
  double half =
      bits == 0 ? 0 : std::ldexp(1.0, std::ilogb(reach + farthest) - static_cast<int>(bits));
  double worst = 0;
  constexpr int points = 8192;
  for (int i = 0; i <= points; ++i) {
    double x = goal.low + (goal.high - goal.low) * i / points, value = valueAt(goal, x);
    for (size_t j = 0; j < fit.spline.pieces.size(); ++j) {
      bool reached =
          (j == 0 || x >= knots[j - 1] - half) && (j == knots.size() || x < knots[j] + half);
      if (reached)
        worst = std::max(worst, std::fabs(fit.spline.pieces[j](x) * fit.resultFactor - value));
    }
  }
  return worst;
}

Json describe(const Options &options) {
  FunctionGoal goal = options.goal;
  goal.mostKnots = options.pieces - 1;
  FunctionSpline fit = splineOf(goal);
  double least = valueAt(goal, goal.low), greatest = least;
  for (int i = 0; i <= 1024; ++i) {
    double value = valueAt(goal, goal.low + (goal.high - goal.low) * i / 1024);
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  }
  Json document{{"function", options.kind}, {"low", goal.low}, {"high", goal.high}};
  document["spread"] = greatest - least;
  document["pieces"] = fit.spline.pieces.size();
  document["error"] = worstError(goal, fit, 0);
  for (unsigned bits : {6u, 8u, 10u, 12u})
    document["error_with_window"][std::to_string(bits)] = worstError(goal, fit, bits);
  document["knots"] = fit.spline.knots;
  for (const Quadratic &piece : fit.spline.pieces)
    document["coefficients"].push_back(
        {piece.c0 * fit.resultFactor, piece.c1 * fit.resultFactor, piece.c2 * fit.resultFactor});
  for (unsigned i = 0; options.samples > 1 && i < options.samples; ++i) {
    double x = goal.low + (goal.high - goal.low) * i / (options.samples - 1);
    document["samples"].push_back({x, valueAt(goal, x), fit.spline(x) * fit.resultFactor});
  }
  return document;
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app{"Prints as JSON the piecewise quadratic that stands for a function on a range.",
               "gfs-spline"};
  Options options;
  options.goal.headroom = 2;
  options.goal.error = 1.0 / 1024;
  app.add_option("function", options.kind, "a kind of nn.function: sigmoid, gelu, …")->required();
  app.add_option("--parameters", options.goal.parameters, "of the function, if it has any");
  app.add_option("--low", options.goal.low, "smallest operand")->required();
  app.add_option("--high", options.goal.high, "largest operand")->required();
  app.add_option("--headroom", options.goal.headroom, "how many times as large operands may become")
      ->check(CLI::Range(1.0, 1024.0))
      ->capture_default_str();
  app.add_option("--error", options.goal.error, "error allowed, relative to the spread of values")
      ->check(CLI::Range(1e-9, 0.25))
      ->capture_default_str();
  app.add_option("--pieces", options.pieces, "pieces allowed")
      ->check(CLI::Range(3, 65))
      ->capture_default_str();
  app.add_option("--samples", options.samples, "points to print: operand, function, spline")
      ->check(CLI::Range(0, 100000));
  if (std::optional<int> exitCode = parseCommandLine(app, argc, argv))
    return *exitCode;
  return runTool("gfs-spline", [&] {
    auto kind = nn::symbolizeFunctionKind(options.kind);
    if (!kind)
      throw Error(ExitCode::Usage, "there is no function '" + options.kind + "'",
                  "the functions are those of nn.function in docs/generated/nn.md");
    FunctionGoal &goal = options.goal;
    goal.kind = *kind;
    if (goal.parameters.size() != nn::functionArity(*kind))
      throw Error(ExitCode::Usage,
                  "--parameters: '" + options.kind + "' takes " +
                      std::to_string(nn::functionArity(*kind)),
                  "docs/generated/nn.md says what they mean");
    if (!(goal.low < goal.high) ||
        !nn::functionDomain(*kind, goal.parameters).containsAll(goal.low, goal.high))
      throw Error(ExitCode::Usage, "'" + options.kind + "' is not defined between --low and --high",
                  "give a range, --low below --high, where it is");
    std::cout << describe(options).dump(1) << "\n";
  });
}
