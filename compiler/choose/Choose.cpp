// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/Choose.h"

#include "compiler/choose/CrossValidation.h"
#include "compiler/choose/Judge.h"
#include "compiler/choose/Path.h"
#include "compiler/evaluate/Program.h"
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnShapes.h"
#include "runtime/base/Error.h"

#include "mlir/IR/Builders.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace gfs {

/// Fewer say nothing about how often answers change.
static constexpr size_t leastSamples = 16;

/// A re-fit needs a bias to change.
static void giveBiases(func::FuncOp function) {
  OpBuilder builder(function.getContext());
  auto give = [&](auto layer) {
    if (layer.getBias())
      return;
    builder.setInsertionPoint(layer);
    int64_t outputs = cast<RankedTensorType>(layer.getWeight().getType()).getDimSize(0);
    Value zeros = nn::ConstantOp::create(builder, layer.getLoc(),
                                         nn::makeSplat(builder.getContext(), {outputs}, 0));
    layer.getBiasMutable().assign(zeros);
  };
  function.walk([&](nn::Conv2dOp conv) { give(conv); });
  function.walk([&](nn::LinearOp linear) { give(linear); });
}

namespace {
/// False for one whose values grew without bound while it was fitted.
bool isFinite(const Variant &variant) {
  auto finite = [](double value) { return std::isfinite(value); };
  for (const auto &[op, weights] : variant.weights)
    if (!std::ranges::all_of(weights.weight, finite) || !std::ranges::all_of(weights.bias, finite))
      return false;
  for (const auto &[op, choices] : variant.activations)
    for (const ChannelChoice &choice : choices)
      if (!choice.relu && !(finite(choice.polynomial.a) && finite(choice.polynomial.b) &&
                            finite(choice.polynomial.c)))
        return false;
  return true;
}

class Search {
public:
  Search(func::FuncOp function, const SampleBatch &samples, const ChooseGoal &goal,
         const ChooseProgress &progress)
      : function(function), samples(samples), goal(goal), progress(progress) {}

  Choice run() {
    std::vector<ReluSite> sites = reluSites(function);
    choice.relus = reluCount(sites);
    choice.kept = choice.relus;
    choice.points.push_back({});
    requireUsable();
    requirePinsFit(sites);
    if (choice.relus == 0 || budgetNeedsNothing())
      return std::move(choice);
    giveBiases(function);
    if (judgesItself()) {
      plan();
    } else {
      CrossValidation validated =
          crossValidate(function, samples, goal, [&](double done) { report(0.5 * done); });
      choice.points = std::move(validated.points);
      choice.chosen = validated.chosen;
    }
    walk();
    choice.kept = keptRelus(sites, choice.variant);
    return std::move(choice);
  }

private:
  /// With samples to judge by and nothing to decide, halves need not judge each other.
  bool judgesItself() const {
    return goal.judge && !goal.bounded() && !goal.budget.given() && goal.pins.empty();
  }

  /// Points that are measured on the way.
  void plan() {
    choice.points.assign(1, {});
    while (!goal.reached(choice.points.back().replaced))
      choice.points.push_back({.replaced = goal.next(choice.points.back().replaced)});
    choice.chosen = choice.points.size() - 1;
  }

  /// Auto replaces nothing if the network meets the budget as it is.
  bool budgetNeedsNothing() {
    if (!goal.seeksBudget() || !goal.pins.empty() || goal.costOfAll)
      return false;
    choice.points.front().cost = goal.costOf({}, 0);
    return meetsBudget(choice.points.front());
  }

  bool meetsBudget(const ChoosePoint &point) const {
    return !goal.budget.given() ||
           (point.cost && goal.budget.metBy(point.cost->seconds, point.cost->dealtBytes));
  }

  /// Whether point `index`, up to which the walk has come, is to be the one that is taken.
  bool isBetter(size_t index, bool taken) const {
    const ChoosePoint &point = choice.points[index], &best = choice.point();
    if (goal.seeksBudget())
      return !taken && goal.allows(point) && meetsBudget(point);
    if (goal.seeksCheapest())
      return !taken || (goal.allows(point) && point.cost &&
                        (!best.cost || point.cost->value < best.cost->value));
    return index == choice.chosen;
  }

  /// Goes along the judged points again, with all samples, and takes the variant of the chosen
  /// one; Auto chooses by cost: with a budget, the first that meets it, else the cheapest.
  void walk() {
    const bool priced = goal.budget.given() || goal.costOfAll || goal.seeksCheapest();
    const size_t last = goal.costOfAll ? choice.points.size() - 1 : choice.chosen;
    bool taken = false;
    std::optional<Judge> judged;
    if (goal.judge)
      judged.emplace(function, goal.judge->samples, goal.judge->labels);
    GreedyPath path(function, samples, goal);
    for (size_t index = 0; index <= last; ++index) {
      ChoosePoint &point = choice.points[index];
      if (index > 0 && path.canAdvance() && path.replaced() < point.replaced - goal.step * 1e-3)
        path.advanceTo(point.replaced);
      if (!isFinite(path.variant())) {
        endBefore(index, path.replaced(), taken);
        break;
      }
      if (judged)
        judgeStep(*judged, path);
      if (judgesItself())
        point = choice.judged.back();
      if (priced)
        point.cost = goal.costOf(path.variant(), point.relativeError);
      if (judged)
        choice.judged.back().cost = point.cost;
      report(0.5 + 0.5 * static_cast<double>(index + 1) / static_cast<double>(last + 1));
      if (!isBetter(index, taken))
        continue;
      taken = true;
      choice.chosen = index;
      choice.variant = path.variant();
      if (goal.seeksBudget() && !goal.costOfAll)
        break;
    }
    if (!taken || !meetsBudget(choice.point()))
      throw Error(ExitCode::RangeCheck,
                  fmt::format("{}: cannot be met by replacing ReLUs", goal.budget.text()),
                  nearestToBudget());
  }

  /// Without bound nothing is computed: the points end before number `index`. Throws where that
  /// one was asked for.
  void endBefore(size_t index, double replaced, bool taken) {
    if (index == 0 || !(taken || goal.seeksBudget()))
      throw Error(ExitCode::RangeCheck,
                  fmt::format("--replace: with {:.0f} % of the ReLUs replaced the network's values "
                              "grow without bound",
                              100 * replaced),
                  fmt::format("ask for less: --replace=ratio:{:.2f}, for example",
                              index > 0 ? choice.points[index - 1].replaced : 0));
    choice.points.resize(index);
    choice.chosen = std::min(choice.chosen, index - 1);
  }

  /// The point that is nearest to the budget, of those that may be taken, and how to ask for it.
  std::string nearestToBudget() const {
    const ChoosePoint *nearest = nullptr;
    auto load = [&](const ChoosePoint &point) {
      return goal.budget.load(point.cost->seconds, point.cost->dealtBytes);
    };
    auto mayBeTaken = [&](const ChoosePoint &point) {
      return point.cost && (goal.kind == ChooseGoal::Kind::Auto || &point == &choice.point()) &&
             (goal.allows(point) || !goal.bounded());
    };
    for (const ChoosePoint &point : choice.points)
      if (mayBeTaken(point) && (!nearest || load(point) < load(*nearest)))
        nearest = &point;
    if (!nearest)
      return "no plan was precise enough: give --calib more data, or allow a larger --tolerance";
    const VariantCost &cost = *nearest->cost;
    return fmt::format("nearest: {:.0f} % of the ReLUs replaced, {:.1f} % of held-out answers "
                       "unchanged, {:.3g} ms "
                       "online, {} dealt bytes; ask for {}{}",
                       100 * nearest->replaced, 100 * nearest->agreement, 1e3 * cost.seconds,
                       cost.dealtBytes, goal.budget.relaxedTo(cost.seconds, cost.dealtBytes),
                       goal.bounded() ? ", or allow more --max-accuracy-drop" : "");
  }

  void judgeStep(const Judge &judged, const GreedyPath &path) {
    choice.judged.push_back(judged.measure(path.variant()));
    choice.judged.back().replaced = path.replaced();
  }

  void requireUsable() const {
    if (samples.count < leastSamples)
      throw Error(
          ExitCode::InvalidInput,
          fmt::format("--replace: {} calibration samples are too few to choose by", samples.count),
          fmt::format("give --calib a file with at least {}; 200 are plenty", leastSamples));
    func::FuncOp network = function;
    auto hasRows = [](Value result) {
      return nn::rowLength(cast<RankedTensorType>(servedValue(result).getType()).getShape()) > 1;
    };
    if (goal.bounded() &&
        llvm::none_of(network.getBody().front().getTerminator()->getOperands(), hasRows))
      throw Error(ExitCode::Usage,
                  "--replace: the network's outputs have one element each, so that there is no "
                  "largest one whose change --max-accuracy-drop, or auto, could bound",
                  "say how many: --replace=ratio:R, and see with --frontier and --judge what it "
                  "changes");
  }

  void requirePinsFit(const std::vector<ReluSite> &sites) const {
    std::vector<std::string> names;
    for (ReluSite site : sites)
      names.push_back(nn::layerName(site.op));
    for (const auto &[layer, choices] : goal.pins)
      if (!llvm::is_contained(names, layer))
        throw Error(ExitCode::InvalidInput,
                    fmt::format("--pin: '{}' is no ReLU of this network", layer),
                    names.empty() ? "it has none whose channels could be chosen"
                                  : fmt::format("its ReLUs are {}", fmt::join(names, ", ")));
  }

  void report(double done) const {
    if (progress)
      progress(std::min(done, 1.0));
  }

  func::FuncOp function;
  const SampleBatch &samples;
  const ChooseGoal &goal;
  const ChooseProgress &progress;
  Choice choice;
};
} // namespace

Choice chooseActivations(func::FuncOp function, const SampleBatch &samples, const ChooseGoal &goal,
                         const ChooseProgress &progress) {
  chooseThreads(function);
  return Search(function, samples, goal, progress).run();
}

} // namespace gfs
