// SPDX-License-Identifier: Apache-2.0
// A piece on [a, b] that takes given values at its ends is the line through them plus c (x-a)(x-b);
// the error as a function of c is convex, so its least is found by sections.
#include "passes/spline/SplineFit.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gfs {

namespace {

/// By what errors at x are divided before they are compared with the bound. It grows steadily, so
/// that a piece may begin with a larger error and come down to where a smaller one is asked for.
double allowance(const FitGoal &goal, double x) {
  double distance = std::max(goal.innerLow - x, x - goal.innerHigh);
  double ramp = (goal.innerHigh - goal.innerLow) / 2;
  return distance <= 0 || goal.looseness <= 1
             ? 1.0
             : 1 + (goal.looseness - 1) * std::min(1.0, distance / ramp);
}

constexpr size_t samples = 24;      ///< Inside a piece, for choosing its coefficient.
constexpr size_t denseSamples = 61; ///< For its error, and with another spacing.
constexpr size_t tailSamples = 512;
constexpr int sections = 24, bisections = 16, balancings = 7;
constexpr double golden = 0.6180339887498949;

struct Node {
  double x, value;
};

/// One choice of pieces for one error bound.
class Greedy {
public:
  Greedy(const FitGoal &goal, double bound) : goal(goal), bound(bound) {}

  /// Nothing if more knots are needed than allowed.
  std::optional<PiecewiseQuadratic> run() {
    Node first = lowerEnd(), end = upperEnd();
    // The asymptotes meet or cross before any piece is needed: join them half-way.
    if (first.x >= end.x) {
      double x = (first.x + end.x) / 2;
      spline.knots = {x};
      spline.pieces = {tailPiece(goal.below, first), tailPiece(goal.above, end)};
      return spline;
    }
    spline.pieces.push_back(tailPiece(goal.below, first));
    spline.knots.push_back(first.x);
    for (Node from = first; from.x < end.x;) {
      if (spline.knots.size() >= goal.mostKnots)
        return std::nullopt;
      from = addPiece(from, nextStop(from.x, end));
    }
    spline.pieces.push_back(tailPiece(goal.above, end));
    return spline;
  }

private:
  /// Parallel to the asymptote, through the end: the asymptote itself where it has taken over.
  static Quadratic tailPiece(const std::optional<Quadratic> &asymptote, Node end) {
    Quadratic tail = asymptote.value_or(Quadratic());
    tail.c0 += end.value - tail(end.x);
    return tail;
  }

  /// The farthest point from `from` towards `to` up to which the asymptote is within half the
  /// bound.
  Node tailEnd(const std::optional<Quadratic> &asymptote, double from, double to) const {
    if (!asymptote)
      return {from, goal.function(from)};
    auto near = [&](double x) {
      return std::fabs(goal.function(x) - (*asymptote)(x)) <= bound / 2 * allowance(goal, x);
    };
    auto at = [&](size_t i) { return from + (to - from) * double(i) / tailSamples; };
    size_t i = 0;
    while (i <= tailSamples && near(at(i)))
      ++i;
    if (i == 0)
      return {from, goal.function(from)};
    if (i > tailSamples)
      return {to, (*asymptote)(to)};
    double inside = at(i - 1), outside = at(i);
    for (int step = 0; step < bisections; ++step) {
      double middle = (inside + outside) / 2;
      (near(middle) ? inside : outside) = middle;
    }
    return {inside, (*asymptote)(inside)};
  }
  Node lowerEnd() const { return tailEnd(goal.below, goal.low, goal.high); }
  Node upperEnd() const { return tailEnd(goal.above, goal.high, goal.low); }

  Node nextStop(double x, Node end) const {
    for (double kink : goal.kinks)
      if (kink > x && kink < end.x)
        return {kink, goal.function(kink)};
    return end;
  }

  /// The longest piece that begins at `from`, ends at `stop` or before, and keeps the bound.
  Node addPiece(Node from, Node stop) {
    Node best = stop;
    Quadratic piece = fit(from, stop);
    if (errorOf(piece, from, stop) > bound) {
      double good = from.x, bad = stop.x;
      for (int step = 0; step < bisections; ++step) {
        Node middle{(good + bad) / 2, 0};
        middle.value = goal.function(middle.x);
        Quadratic candidate = fit(from, middle);
        bool keeps = errorOf(candidate, from, middle) <= bound;
        (keeps ? good : bad) = middle.x;
        if (!keeps)
          continue;
        best = middle;
        piece = candidate;
      }
      // So steep a function that no piece keeps the bound: the shortest, and the count gives out.
      if (good == from.x) {
        best = {bad, goal.function(bad)};
        piece = fit(from, best);
      }
    }
    spline.knots.push_back(best.x);
    spline.pieces.push_back(piece);
    return best;
  }

  Quadratic fit(Node a, Node b) const {
    double slope = (b.value - a.value) / (b.x - a.x);
    std::array<double, samples> residual, bend; // relative to what is allowed
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (size_t i = 0; i < samples; ++i) {
      double x = a.x + (b.x - a.x) * (double(i) + 0.5) / samples;
      bend[i] = (x - a.x) * (x - b.x);
      residual[i] = goal.function(x) - (a.value + slope * (x - a.x));
      least = std::min(least, residual[i] / bend[i]);
      most = std::max(most, residual[i] / bend[i]);
      residual[i] /= allowance(goal, x);
      bend[i] /= allowance(goal, x);
    }
    auto worst = [&](double c) {
      double error = 0;
      for (size_t i = 0; i < samples; ++i)
        error = std::max(error, std::fabs(residual[i] - c * bend[i]));
      return error;
    };
    double c = minimum(worst, least, most);
    if (goal.quantum > 0) {
      double floor = std::floor(c / goal.quantum) * goal.quantum, ceil = floor + goal.quantum;
      c = worst(floor) <= worst(ceil) ? floor : ceil;
    }
    return {a.value - slope * a.x + c * a.x * b.x, slope - c * (a.x + b.x), c};
  }

  /// Golden sections of a convex function.
  template <class Function> static double minimum(Function &&f, double low, double high) {
    double a = high - golden * (high - low), b = low + golden * (high - low);
    double fa = f(a), fb = f(b);
    for (int step = 0; step < sections; ++step) {
      if (fa <= fb) {
        high = b;
        b = a, fb = fa;
        a = high - golden * (high - low), fa = f(a);
      } else {
        low = a;
        a = b, fa = fb;
        b = low + golden * (high - low), fb = f(b);
      }
    }
    return (low + high) / 2;
  }

  /// The largest error, unless it is beyond the bound. Where a piece is mostly in the loose part,
  /// the rest of it is looked at closely.
  double errorOf(const Quadratic &piece, Node a, Node b) const {
    double inner = std::max(a.x, goal.innerLow), end = std::min(b.x, goal.innerHigh);
    double error = errorOn(piece, a.x, b.x);
    return inner < end && error <= bound ? std::max(error, errorOn(piece, inner, end)) : error;
  }

  double errorOn(const Quadratic &piece, double low, double high) const {
    double error = 0;
    for (size_t i = 0; i < denseSamples && error <= bound; ++i) {
      double x = low + (high - low) * double(i) / (denseSamples - 1);
      error = std::max(error, std::fabs(goal.function(x) - piece(x)) / allowance(goal, x));
    }
    return error;
  }

  const FitGoal &goal;
  double bound;
  PiecewiseQuadratic spline;
};

double largestError(const FitGoal &goal, const PiecewiseQuadratic &spline) {
  constexpr size_t points = 1024;
  double error = 0;
  for (size_t i = 0; i <= points; ++i) {
    double x = goal.low + (goal.high - goal.low) * double(i) / points;
    error = std::max(error, std::fabs(goal.function(x) - spline(x)) / allowance(goal, x));
  }
  return error;
}

} // namespace

SplineFit fitSpline(const FitGoal &goal) {
  double good = goal.error;
  auto best = Greedy(goal, good).run();
  while (!best)
    best = Greedy(goal, good *= 1.3).run();
  FitGoal limited = goal;
  limited.mostKnots = best->knots.size();
  double bad = good / 16;
  for (int step = 0; goal.balance && step < balancings; ++step) {
    double middle = std::sqrt(good * bad);
    auto candidate = Greedy(limited, middle).run();
    (candidate ? good : bad) = middle;
    if (candidate)
      best = std::move(candidate);
  }
  return {*best, largestError(goal, *best)};
}

} // namespace gfs
