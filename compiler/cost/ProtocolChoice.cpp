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

#include <limits>
#include <map>

using namespace mlir;

namespace gfs {

namespace {

/// The longest window for which the gates take a table.
constexpr int64_t maxTableBits = 9;
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
    return protocol != "table" || widest.at(layer) <= maxTableBits;
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

CostExplanation chooseProtocols(ModuleOp program, const CostGoal &goal) {
  SignLayers layers(program);
  if (goal.protocol != "auto" || layers.empty())
    return explain(lower(program, goal), goal);

  auto value = [&](const LayerCost &cost) {
    return goal.value(cost.time.seconds(), cost.dealtBytes);
  };
  std::map<std::string, std::vector<ProtocolCost>> alternatives;
  Assignment bestPure, mixture;
  CostExplanation best;
  double leastValue = std::numeric_limits<double>::infinity();
  for (const char *protocol : protocols) {
    Assignment pure = layers.pure(protocol);
    layers.write(pure);
    CostExplanation costs = explain(lower(program, goal), goal);
    for (const auto &[layer, used] : pure)
      if (const LayerChoice *cost = find(costs, layer); cost && used == protocol)
        alternatives[layer].push_back({protocol, cost->cost});
    if (double own = value(costs.total); own < leastValue) {
      leastValue = own;
      bestPure = pure;
      best = std::move(costs);
    }
  }
  mixture = bestPure;
  for (const auto &[layer, costs] : alternatives)
    mixture[layer] = std::min_element(costs.begin(), costs.end(),
                                      [&](const ProtocolCost &a, const ProtocolCost &b) {
                                        return value(a.cost) < value(b.cost);
                                      })
                         ->protocol;
  // A layer's parts of shared exchanges are not saved if other layers still take part in them.
  layers.write(mixture);
  if (mixture != bestPure) {
    CostExplanation mixed = explain(lower(program, goal), goal);
    if (value(mixed.total) < leastValue)
      best = std::move(mixed);
    else
      layers.write(bestPure);
  }
  for (LayerChoice &layer : best.layers)
    if (auto found = alternatives.find(layer.layer); found != alternatives.end())
      layer.alternatives = found->second;
  return best;
}

} // namespace gfs
