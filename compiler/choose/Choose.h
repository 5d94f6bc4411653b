// SPDX-License-Identifier: Apache-2.0
// Decides which ReLU channels become polynomials, without training and without labels.
#pragma once

#include "compiler/choose/Refit.h"
#include "compiler/cost/Budget.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace gfs {

/// Samples that no fit sees, with the index of the right answer of each if that is known.
struct JudgeSet {
  SampleBatch samples;
  std::vector<int64_t> labels; ///< Empty, or one per sample.
};

/// What an inference with some variant is predicted to take, after formats and protocols are chosen
/// for it.
struct VariantCost {
  double seconds = 0; ///< Online.
  uint64_t exchanges = 0;
  uint64_t messageBytes = 0; ///< Each way.
  uint64_t dealtBytes = 0;   ///< To both servers.
  unsigned ringBits = 0;     ///< Squares may need wider rings than ReLUs.
  double value = 0; ///< Seconds and dealt bytes in one number, as the plan is to save them.
};

/// A point on the way from no replacement to the goal.
struct ChoosePoint {
  double replaced = 0;                 ///< Share of the ReLUs.
  double agreement = 1;                ///< Share of held-out samples with the same answer.
  double divergence = 0;               ///< Mean KL of held-out answers, in nats.
  double relativeError = 0;            ///< Of held-out outputs, see Deviation.
  std::optional<double> accuracy = {}; ///< Share of right answers, if labels say which are.
  std::optional<VariantCost> cost =
      {}; ///< Of the network fitted on all samples, as far as asked for.
};

/// How many ReLUs are to go.
struct ChooseGoal {
  enum class Kind { Ratio, Auto, All } kind = Kind::Auto;
  double ratio = 1; ///< Share of the ReLUs to replace at least, for Kind::Ratio.
  /// Largest share of samples, in percent, whose answer (argmax) may change, on samples that the
  /// fits have not seen. Kind::Auto replaces as many as that allows; for the others it is a demand.
  std::optional<double> maxAccuracyDrop;
  std::vector<unsigned> degrees = {0, 1, 2}; ///< Of the polynomials, ascending.
  /// Choices by layer name: one for all channels, or one per channel. Channels that are pinned to
  /// nullopt are free.
  std::map<std::string, std::vector<std::optional<ChannelChoice>>> pins;
  bool perChannel = true;  ///< Else whole layers.
  bool remeasure = true;   ///< Rank again after each step; else once.
  bool augmented = true;   ///< Fit and rank on changed images, too.
  bool elementwise = true; ///< Rank also by changes that cancel out to first order.
  double step = 0.05;      ///< Share of the ReLUs replaced between two fits, in the end.
  RefitOptions refit;
  /// Measures each step of what is returned, for a frontier. Where neither a bound nor a budget is
  /// to be met, its measurements are the points, and no folds are made.
  std::optional<JudgeSet> judge;
  /// Predicts what a variant costs whose outputs deviate by so much (see Deviation::relativeError);
  /// nullopt if no plan computes it precisely enough. Needed for a budget, cheapest and costOfAll.
  std::function<std::optional<VariantCost>(const Variant &, double relativeError)> costOf = {};
  /// Kind::Auto takes the first point that meets it, the others demand it of theirs.
  Budget budget;
  /// Kind::Auto without a budget takes the point whose plan is worth least, the fewest replacements
  /// of equal ones; else the farthest that the bound allows.
  bool cheapest = false;
  bool costOfAll = false; ///< Predict every point, also beyond the one that is taken.

  /// Share of the ReLUs at which the way ends.
  double last() const { return kind == Kind::Ratio ? ratio : 1; }
  bool reached(double replaced) const { return replaced >= last() - step * 1e-3; }
  /// The share after `replaced`. Up to a third, hardly any choice is wrong: double steps.
  double next(double replaced) const {
    return std::min(last(), replaced + (replaced < 0.3 ? 2 * step : step));
  }

  bool seeksBudget() const { return kind == Kind::Auto && budget.given(); }
  bool seeksCheapest() const { return kind == Kind::Auto && cheapest && !budget.given(); }
  /// Whether answers are bounded at all, and by how much, in percent.
  bool bounded() const { return kind == Kind::Auto || maxAccuracyDrop.has_value(); }
  double largestDrop() const { return maxAccuracyDrop.value_or(1); }
  bool allows(const ChoosePoint &point) const {
    constexpr double rounding = 1e-9; // 1 - 0.97 is more than 0.03
    return 100 * (1 - point.agreement) <= largestDrop() + rounding;
  }
};

struct Choice {
  Variant variant;
  size_t relus = 0, kept = 0;
  /// All that were cross-validated, ascending; the first is no replacement but pinned ones.
  std::vector<ChoosePoint> points;
  size_t chosen = 0;               ///< Index into `points`.
  std::vector<ChoosePoint> judged; ///< The steps of the variant on the judge's samples.

  const ChoosePoint &point() const { return points.at(chosen); }
};

/// Called after each fit with what was done so far, 0 to 1.
using ChooseProgress = std::function<void(double done)>;

/// Gives each layer a bias, chooses, and leaves the function otherwise as it is. Two folds: each
/// half of the samples judges what the other half chose and fitted; what is returned is fitted on
/// all of them. Deterministic. Errors: InvalidInput (too few samples, a pin that fits nothing),
/// RangeCheck (a goal that cannot be met, with the nearest point that can), Unsupported (see
/// Derivatives.h).
Choice chooseActivations(mlir::func::FuncOp function, const SampleBatch &samples,
                         const ChooseGoal &goal, const ChooseProgress &progress = {});

/// Writes the choice into the function: nn.mixed_activation for ReLUs that change, constants for
/// weights.
void applyVariant(mlir::func::FuncOp function, const Variant &variant);

} // namespace gfs
