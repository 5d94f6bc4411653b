// SPDX-License-Identifier: Apache-2.0
#include "compiler/cost/ProtocolChoice.h"

#include "compiler/emit/PlanEmitter.h"
#include "dialects/fixed/FixedDialect.h"
#include "passes/convert/FixedToSecure.h"
#include "passes/secure/Passes.h"
#include "passes/secure/PlanSteps.h"
#include "runtime/base/Error.h"
#include "runtime/plan/Files.h"

#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <map>

using namespace mlir;

namespace gfs {

namespace {

constexpr std::array<const char *, 3> protocols = {"table", "one_hot", "dcf"};

using Assignment = std::map<std::string, std::string>; ///< Protocol by layer.

/// The layers of a fixed program that find signs, and what they may use.
class SignLayers {
public:
  explicit SignLayers(ModuleOp program) {
    program.walk([&](Operation *op) {
      int64_t bits = llvm::TypeSwitch<Operation *, int64_t>(op)
                         .Case<fixed::ReluOp, fixed::MaxPool2dOp, fixed::SplineOp>([](auto signs) {
                           return static_cast<int64_t>(signs.getHigh() - signs.getLow());
                         })
                         .Default([](Operation *) -> int64_t { return 0; });
      if (bits == 0)
        return;
      std::string name = secure::nodeName(op->getLoc()); // as the plan's steps are named
      operations[name].push_back(op);
      widest[name] = std::max(widest[name], bits);
    });
  }

  bool mayUse(const std::string &layer, const std::string &protocol) const {
    return protocol != "table" || widest.at(layer) <= plan::maxTableBits;
  }
  bool allMayUse(const std::string &protocol) const {
    return std::ranges::all_of(widest, [&](auto &layer) { return mayUse(layer.first, protocol); });
  }
  /// The same protocol for all, one_hot where it is a table that would be too large.
  Assignment pure(const std::string &protocol) const {
    Assignment all;
    for (const auto &[layer, bits] : widest)
      all[layer] = mayUse(layer, protocol) ? protocol : "one_hot";
    return all;
  }
  void write(const Assignment &assignment) const {
    for (const auto &[layer, protocol] : assignment)
      for (Operation *op : operations.at(layer))
        op->setAttr(fixed::protocolAttr, StringAttr::get(op->getContext(), protocol));
  }
  bool empty() const { return operations.empty(); }

private:
  std::map<std::string, std::vector<Operation *>> operations;
  std::map<std::string, int64_t> widest; ///< Window bits.
};

Program lower(ModuleOp program, const CostGoal &goal) {
  OwningOpRef<ModuleOp> copy(program.clone());
  PassManager passes(program.getContext(), ModuleOp::getOperationName());
  passes.addPass(createConvertFixedToSecure({goal.weightMode, goal.protocol}));
  secure::buildSecurePipeline(passes);
  check(succeeded(passes.run(*copy)), "a program whose costs are compared has no plan");
  EmittedPlan emitted = emitPlan(*copy, "", "");
  return Program(plan::parsePlan(plan::serializePlan(emitted.plan), "the emitted plan"));
}

const LayerChoice *find(const CostExplanation &explanation, const std::string &layer) {
  for (const LayerChoice &choice : explanation.layers)
    if (choice.layer == layer)
      return &choice;
  return nullptr;
}

void add(LayerCost &sum, const LayerCost &cost) {
  sum.time.computeSeconds += cost.time.computeSeconds;
  sum.time.delaySeconds += cost.time.delaySeconds;
  sum.time.transferSeconds += cost.time.transferSeconds;
  sum.exchanges += cost.exchanges;
  sum.messageBytes += cost.messageBytes;
  sum.dealtBytes += cost.dealtBytes;
}

const char *protocolName(const plan::Step &step) {
  if (!step.has_relu() && !step.has_spline())
    return "";
  const plan::SignWindow &window = step.has_relu() ? step.relu().window() : step.spline().window();
  switch (window.protocol()) {
  case plan::SignWindow::TABLE:
    return "table";
  case plan::SignWindow::ONE_HOT:
    return "one_hot";
  default:
    return "dcf";
  }
}

} // namespace

CostExplanation explain(const Program &program, const CostGoal &goal) {
  TimePrediction time = predictTime(program, goal.environment);
  CostExplanation explanation;
  std::map<std::string, size_t> index;
  for (uint32_t id = 0; id < program.steps(); ++id) {
    const plan::Step &step = program.step(id);
    const Cost &cost = program.cost(id);
    auto [entry, isNew] = index.try_emplace(step.name(), explanation.layers.size());
    if (isNew)
      explanation.layers.emplace_back().layer = step.name();
    LayerChoice &layer = explanation.layers[entry->second];
    const std::string gate = plan::gateName(step);
    if (layer.gates.find(gate) == std::string::npos)
      layer.gates += (layer.gates.empty() ? "" : ", ") + gate;
    if (const char *protocol = protocolName(step); *protocol)
      layer.protocol = protocol;
    LayerCost own{time.steps[id], cost.messageBytes.size(), 0,
                  cost.dealtBytes[0] + cost.dealtBytes[1]};
    for (uint64_t bytes : cost.messageBytes)
      own.messageBytes += bytes;
    add(layer.cost, own);
    add(explanation.total, own);
  }
  explanation.total.exchanges = time.exchanges;
  return explanation;
}

namespace {
/// Tries assignments on the whole program and finds the best.
class Contest {
public:
  Contest(ModuleOp program, const SignLayers &layers, const CostGoal &goal)
      : program(program), layers(layers), goal(goal) {}

  /// What the program costs with this assignment.
  const CostExplanation &enter(const Assignment &assignment) {
    auto [entry, isNew] = tried.try_emplace(assignment);
    if (isNew) {
      layers.write(assignment);
      entry->second = explain(lower(program, goal), goal);
      if (best == tried.end() || valueOf(*entry) < valueOf(*best))
        best = entry;
    }
    return entry->second;
  }
  const Assignment &bestAssignment() const { return best->first; }
  const CostExplanation &bestCosts() const { return best->second; }

private:
  using Tried = std::map<Assignment, CostExplanation>;
  double valueOf(const Tried::value_type &entry) const {
    const LayerCost &total = entry.second.total;
    return goal.planValue(total.time.seconds(), total.dealtBytes);
  }
  ModuleOp program;
  const SignLayers &layers;
  const CostGoal &goal;
  Tried tried;
  Tried::iterator best = tried.end();
};
} // namespace

/// Seconds that a dealt byte is worth in mixtures: what the goal says; with a budget also from
/// nothing to more than any time, in steps that separate any two protocols' trade.
static std::vector<double> prices(const CostGoal &goal) {
  std::vector<double> list = {goal.secondsPerDealtByte()};
  if (goal.budget.given())
    for (double price = 1e-13; price < 1e-3; price *= 2)
      list.push_back(price);
  return list;
}

bool protocolFits(ModuleOp program, const std::string &protocol) {
  return SignLayers(program).allMayUse(protocol);
}

CostExplanation chooseProtocols(ModuleOp program, const CostGoal &goal) {
  SignLayers layers(program);
  if (goal.protocol != "auto" || layers.empty())
    return explain(lower(program, goal), goal);

  Contest contest(program, layers, goal);
  std::map<std::string, std::vector<ProtocolCost>> alternatives;
  for (const char *protocol : protocols) {
    Assignment pure = layers.pure(protocol);
    const CostExplanation &costs = contest.enter(pure);
    for (const auto &[layer, used] : pure)
      if (const LayerChoice *cost = find(costs, layer); cost && used == protocol)
        alternatives[layer].push_back({protocol, cost->cost});
  }
  // A layer's parts of shared exchanges are not saved if other layers still take part in them: the
  // mixtures are tried, too.
  const Assignment bestPure = contest.bestAssignment();
  for (double price : prices(goal)) {
    auto value = [&](const ProtocolCost &one) {
      return one.cost.time.seconds() + price * static_cast<double>(one.cost.dealtBytes);
    };
    Assignment mixture = bestPure;
    for (const auto &[layer, costs] : alternatives)
      mixture[layer] =
          std::min_element(costs.begin(), costs.end(), [&](const auto &a, const auto &b) {
            return value(a) < value(b);
          })->protocol;
    contest.enter(mixture);
  }
  layers.write(contest.bestAssignment());
  CostExplanation best = contest.bestCosts();
  for (LayerChoice &layer : best.layers)
    if (auto found = alternatives.find(layer.layer); found != alternatives.end())
      layer.alternatives = found->second;
  return best;
}

} // namespace gfs
