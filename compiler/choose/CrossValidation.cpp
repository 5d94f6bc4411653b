// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/CrossValidation.h"

#include "compiler/choose/Judge.h"
#include "compiler/choose/Path.h"
#include "runtime/base/Error.h"

#include <algorithm>

using namespace mlir;

namespace gfs {

/// Points of the way beyond the bound that are still tried: agreement is not monotone.
static constexpr size_t patience = 2;

namespace {
/// One half chooses and fits, the other judges.
struct Fold {
  Judge judge;
  GreedyPath path;

  Fold(func::FuncOp function, const SampleBatch &all, size_t odd, const ChooseGoal &goal)
      : judge(function, half(all, 1 - odd)), path(function, half(all, odd), goal) {}

  static SampleBatch half(const SampleBatch &all, size_t odd) {
    std::vector<size_t> indices;
    for (size_t i = odd; i < all.count; i += 2)
      indices.push_back(i);
    return all.pick(indices);
  }

  ChoosePoint point() const {
    ChoosePoint point = judge.measure(path.variant());
    point.replaced = path.replaced();
    return point;
  }
};
} // namespace

static ChoosePoint mean(const Fold (&folds)[2]) {
  ChoosePoint a = folds[0].point(), b = folds[1].point();
  return {.replaced = (a.replaced + b.replaced) / 2,
          .agreement = (a.agreement + b.agreement) / 2,
          .divergence = (a.divergence + b.divergence) / 2,
          .relativeError = std::max(a.relativeError, b.relativeError)};
}

static std::vector<ChoosePoint> measurePoints(func::FuncOp function, const SampleBatch &samples,
                                              const ChooseGoal &goal,
                                              const ChooseProgress &progress) {
  Fold folds[2] = {{function, samples, 0, goal}, {function, samples, 1, goal}};
  std::vector<ChoosePoint> points = {mean(folds)};
  size_t beyond = 0;
  while (folds[0].path.canAdvance() && !goal.reached(points.back().replaced)) {
    const double next = goal.next(points.back().replaced);
    for (Fold &fold : folds)
      if (fold.path.canAdvance())
        fold.path.advanceTo(next);
    points.push_back(mean(folds));
    if (progress)
      progress(next / goal.last());
    beyond = goal.allows(points.back()) ? 0 : beyond + 1;
    if (goal.kind == ChooseGoal::Kind::Auto && beyond > patience)
      break;
  }
  return points;
}

CrossValidation crossValidate(func::FuncOp function, const SampleBatch &samples,
                              const ChooseGoal &goal, const ChooseProgress &progress) {
  CrossValidation result{measurePoints(function, samples, goal, progress)};
  size_t furthest = 0;
  for (size_t index = 0; index < result.points.size(); ++index)
    if (goal.allows(result.points[index]))
      furthest = index;
  result.chosen = goal.kind == ChooseGoal::Kind::Auto ? furthest : result.points.size() - 1;
  const ChoosePoint &point = result.points[result.chosen], &nearest = result.points[furthest];
  if (goal.bounded() && !goal.allows(point))
    throw Error(ExitCode::RangeCheck,
                fmt::format("--max-accuracy-drop: replacing {:.0f} % of the ReLUs changes {:.1f} % "
                            "of the answers on held-out samples, more than {:g} %",
                            100 * point.replaced, 100 * (1 - point.agreement), goal.largestDrop()),
                fmt::format("nearest: --replace=ratio:{:.2f} changes {:.1f} %", nearest.replaced,
                            100 * (1 - nearest.agreement)));
  if (goal.kind == ChooseGoal::Kind::Ratio && point.replaced < goal.ratio - goal.step)
    throw Error(ExitCode::RangeCheck,
                fmt::format("--replace: the pins let at most {:.0f} % of the ReLUs go",
                            100 * point.replaced),
                fmt::format("nearest: --replace=ratio:{:.2f}", point.replaced));
  return result;
}

} // namespace gfs
