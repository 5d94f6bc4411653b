// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/Choose.h"

#include "compiler/calibrate/OptionSearch.h"
#include "compiler/choose/Path.h"
#include "compiler/evaluate/Program.h"
#include "dialects/nn/NnConstants.h"
#include "runtime/base/Error.h"

#include "mlir/IR/Builders.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace gfs {

/// Fewer say nothing about how often answers change.
static constexpr size_t leastSamples = 16;
/// Points of the way beyond the bound that are still tried: agreement is not monotone.
static constexpr size_t patience = 2;
static constexpr double defaultDrop = 1;

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

static std::vector<OutputSamples> outputsOf(func::FuncOp function, const SampleBatch &samples,
                                            const Variant &variant) {
  std::vector<OutputSamples> outputs;
  auto values = evaluateVariant(function, samples, variant);
  for (auto [index, result] :
       llvm::enumerate(function.getBody().front().getTerminator()->getOperands())) {
    auto shape = cast<RankedTensorType>(servedValue(result).getType()).getShape();
    outputs.push_back(
        {std::move(values[index]), shape.empty() ? 1 : static_cast<size_t>(shape.back())});
  }
  return outputs;
}

/// Samples evaluated at once: bounds memory.
static constexpr size_t samplesAtOnce = 250;

/// Measures variants on samples that no fit sees.
static ChoosePoint judgeVariant(func::FuncOp function, const JudgeSet &set,
                                const Variant &variant) {
  double samples = static_cast<double>(set.samples.count);
  ChoosePoint point{0, 0, 0, {}};
  double right = 0;
  for (size_t first = 0; first < set.samples.count; first += samplesAtOnce) {
    size_t some = std::min(samplesAtOnce, set.samples.count - first);
    SampleBatch chunk = set.samples.slice(first, some);
    std::vector<OutputSamples> got = outputsOf(function, chunk, variant);
    Deviation deviation = compareOutputs(outputsOf(function, chunk, {}), got);
    point.agreement += (1 - deviation.disagreement) * static_cast<double>(some) / samples;
    point.relativeError = std::max(point.relativeError, deviation.relativeError);
    size_t length = got.front().rowLength;
    for (size_t i = 0; i < some && !set.labels.empty(); ++i) {
      auto row = got.front().values.begin() + static_cast<ptrdiff_t>(i * length);
      right += std::max_element(row, row + static_cast<ptrdiff_t>(length)) - row ==
               set.labels[first + i];
    }
  }
  if (!set.labels.empty())
    point.accuracy = right / samples;
  return point;
}

namespace {
/// One half chooses and fits, the other judges.
struct Fold {
  SampleBatch judge;
  std::vector<OutputSamples> reference;
  GreedyPath path;

  Fold(func::FuncOp function, const SampleBatch &all, size_t odd, const ChooseGoal &goal)
      : judge(half(all, 1 - odd)), reference(outputsOf(function, judge, {})),
        path(function, half(all, odd), goal) {}

  static SampleBatch half(const SampleBatch &all, size_t odd) {
    std::vector<size_t> indices;
    for (size_t i = odd; i < all.count; i += 2)
      indices.push_back(i);
    return all.pick(indices);
  }

  ChoosePoint point(func::FuncOp function) const {
    Deviation deviation = compareOutputs(reference, outputsOf(function, judge, path.variant()));
    return {path.replaced(), 1 - deviation.disagreement, deviation.relativeError, {}};
  }
};

class Search {
public:
  Search(func::FuncOp function, const SampleBatch &samples, const ChooseGoal &goal,
         const ChooseProgress &progress)
      : function(function), samples(samples), goal(goal), progress(progress) {}

  Choice run() {
    std::vector<ReluSite> sites = reluSites(function);
    choice.relus = reluCount(sites);
    choice.kept = choice.relus;
    requireUsable();
    if (choice.relus == 0)
      return std::move(choice);
    giveBiases(function);
    double share = judge();
    GreedyPath path(function, samples, goal);
    judgeStep(path);
    while (path.canAdvance() && path.replaced() < share - goal.step * 1e-3) {
      path.advanceTo(std::min(share, goal.next(path.replaced())));
      judgeStep(path);
      report(0.5 + 0.5 * path.replaced() / share);
    }
    choice.variant = path.variant();
    choice.kept = keptRelus(sites, choice.variant);
    return std::move(choice);
  }

private:
  void judgeStep(const GreedyPath &path) {
    if (!goal.judge)
      return;
    choice.judged.push_back(judgeVariant(function, *goal.judge, path.variant()));
    choice.judged.back().replaced = path.replaced();
  }

  void requireUsable() const {
    if (samples.count < leastSamples)
      throw Error(
          ExitCode::InvalidInput,
          fmt::format("--replace: {} calibration samples are too few to choose by", samples.count),
          fmt::format("give --calib a file with at least {}; 200 are plenty", leastSamples));
  }

  double bound() const { return goal.maxAccuracyDrop.value_or(defaultDrop) / 100; }
  bool bounded() const {
    return goal.kind == ChooseGoal::Kind::Auto || goal.maxAccuracyDrop.has_value();
  }
  void report(double done) const {
    if (progress)
      progress(std::min(done, 1.0));
  }

  /// Goes along the path with both folds, and returns the share to replace.
  double judge() {
    Fold folds[2] = {{function, samples, 0, goal}, {function, samples, 1, goal}};
    double last = goal.kind == ChooseGoal::Kind::Ratio ? goal.ratio : 1;
    size_t beyond = 0;
    choice.points.push_back(mean(folds));
    while (folds[0].path.canAdvance() && choice.points.back().replaced < last - goal.step * 1e-3) {
      double next = std::min(last, goal.next(choice.points.back().replaced));
      for (Fold &fold : folds)
        if (fold.path.canAdvance())
          fold.path.advanceTo(next);
      choice.points.push_back(mean(folds));
      report(0.5 * next / last);
      beyond = 1 - choice.points.back().agreement > bound() ? beyond + 1 : 0;
      if (goal.kind == ChooseGoal::Kind::Auto && beyond > patience)
        break;
    }
    return decide();
  }

  ChoosePoint mean(Fold (&folds)[2]) const {
    ChoosePoint a = folds[0].point(function), b = folds[1].point(function);
    return {(a.replaced + b.replaced) / 2,
            (a.agreement + b.agreement) / 2,
            std::max(a.relativeError, b.relativeError),
            {}};
  }

  double decide() {
    const ChoosePoint *furthest = &choice.points.front();
    for (const ChoosePoint &point : choice.points)
      if (1 - point.agreement <= bound())
        furthest = &point;
    choice.point = goal.kind == ChooseGoal::Kind::Auto ? *furthest : choice.points.back();
    if (bounded() && 1 - choice.point.agreement > bound())
      throw Error(
          ExitCode::RangeCheck,
          fmt::format("--max-accuracy-drop: replacing {:.0f} % of the ReLUs changes {:.1f} % "
                      "of the answers on held-out samples, more than {:g} %",
                      100 * choice.point.replaced, 100 * (1 - choice.point.agreement),
                      100 * bound()),
          fmt::format("nearest: --replace=ratio:{:.2f} changes {:.1f} %", furthest->replaced,
                      100 * (1 - furthest->agreement)));
    if (goal.kind == ChooseGoal::Kind::Ratio && choice.point.replaced < goal.ratio - goal.step)
      throw Error(ExitCode::RangeCheck,
                  fmt::format("--replace: the pins let at most {:.0f} % of the ReLUs go",
                              100 * choice.point.replaced),
                  fmt::format("nearest: --replace=ratio:{:.2f}", choice.point.replaced));
    return choice.point.replaced;
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
