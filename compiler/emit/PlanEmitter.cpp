// SPDX-License-Identifier: Apache-2.0
#include "compiler/emit/PlanEmitter.h"

#include "dialects/fixed/FixedDialect.h"
#include "passes/secure/PlanSteps.h"
#include "passes/secure/Schedule.h"
#include "runtime/base/Error.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace gfs {

namespace {
class Emitter {
public:
  Emitter(ModuleOp module, func::FuncOp main, const secure::Schedule &schedule)
      : module(module), main(main), schedule(schedule) {}

  EmittedPlan run(const std::string &compiler, const std::string &model) {
    plan().set_format(plan::formatVersion);
    plan().set_compiler(compiler);
    plan().set_model(model);
    plan().set_ring_bits(static_cast<uint32_t>(moduleInteger(secure::ringBitsAttr)));
    plan().set_weight_mode(secure::planWeightMode(module));
    plan().set_arena_words(static_cast<uint64_t>(moduleInteger(secure::arenaWordsAttr)));

    for (BlockArgument argument : main.getArguments())
      addInput(argument);
    for (Operation &op : main.getOps())
      addOperation(&op);
    addOutputs();
    addSchedule();
    checkPhases();
    return std::move(emitted);
  }

private:
  ModuleOp module;
  func::FuncOp main;
  const secure::Schedule &schedule;
  EmittedPlan emitted;
  DenseMap<Value, uint32_t> values, weights;
  std::vector<SmallVector<int64_t, 2>> intervals; ///< Of each step's phases.

  plan::Plan &plan() { return emitted.plan; }

  int64_t moduleInteger(StringRef name) {
    auto attribute = module->getAttrOfType<IntegerAttr>(name);
    check(attribute != nullptr, "a module attribute of the secure dialect is missing");
    return attribute.getInt();
  }

  static std::string text(Attribute attribute) {
    auto string = dyn_cast_or_null<StringAttr>(attribute);
    return string ? string.getValue().str() : std::string();
  }

  /// A port's name; clients find ports by it, so each has one.
  static std::string portName(Attribute attribute, const char *kind, unsigned port) {
    std::string name = text(attribute);
    return name.empty() ? fmt::format("{}{}", kind, port) : name;
  }

  uint32_t addValue(Value value, Attribute offset) {
    auto words = dyn_cast_or_null<IntegerAttr>(offset);
    check(words != nullptr, "a value has no place in memory");
    uint32_t id = static_cast<uint32_t>(plan().values_size());
    *plan().add_values() = secure::planValue(value.getType());
    plan().mutable_values()->rbegin()->set_offset(static_cast<uint64_t>(words.getInt()));
    values[value] = id;
    return id;
  }

  uint32_t addWeight(Value value) {
    auto [entry, isNew] = weights.try_emplace(value, static_cast<uint32_t>(plan().weights_size()));
    if (isNew) {
      auto op = value.getDefiningOp<secure::WeightOp>();
      check(op != nullptr, "a weight is not made by secure.weight");
      emitted.weights.push_back(fixed::weightValues(op.getValue()));
      plan::WeightTensor &tensor = *plan().add_weights();
      tensor.set_elements(emitted.weights.back().size());
      tensor.set_scale(secure::scaleOf(value.getType()));
      tensor.set_name(secure::nodeName(op.getLoc()));
    }
    return entry->second;
  }

  void addInput(BlockArgument argument) {
    unsigned port = argument.getArgNumber();
    uint32_t value = addValue(argument, main.getArgAttr(port, secure::offsetAttr));
    std::string name = portName(main.getArgAttr(port, secure::nameAttr), "input", port);
    plan::Step &step = *plan().add_steps();
    step.set_name(name);
    step.set_result(value);
    step.mutable_input()->set_port(port);
    intervals.push_back({0});
    plan::Port &input = *plan().add_inputs();
    input.set_name(name);
    input.set_value(value);
    if (auto seen = main.getArgAttrOfType<FloatAttr>(port, secure::seenAttr))
      input.set_seen(seen.getValueAsDouble());
  }

  void addOperation(Operation *op) {
    auto reshape = dyn_cast<secure::ReshapeOp>(op);
    if (isa<secure::WeightOp, func::ReturnOp>(op) || (reshape && secure::isView(reshape)))
      return;
    plan::Step step = secure::planStep(op, [&](Value weight) { return addWeight(weight); });
    for (Value operand : secure::planOperands(op))
      step.add_operands(values.at(operand));
    step.set_result(addValue(op->getResult(0), op->getAttr(secure::offsetAttr)));
    *plan().add_steps() = std::move(step);
    auto phases = schedule.intervals(op);
    intervals.emplace_back(phases.begin(), phases.end());
  }

  void addOutputs() {
    for (OpOperand &result : main.getBody().front().getTerminator()->getOpOperands()) {
      unsigned port = result.getOperandNumber();
      std::string name = portName(main.getResultAttr(port, secure::nameAttr), "output", port);
      uint32_t value = values.at(result.get());
      plan::Step &step = *plan().add_steps();
      step.set_name(name);
      step.add_operands(value);
      step.mutable_output()->set_port(port);
      intervals.push_back({schedule.ready(result.get())});
      plan::Port &output = *plan().add_outputs();
      output.set_name(name);
      output.set_value(value);
      output.set_post_process(llvm::StringSwitch<plan::Port::PostProcess>(
                                  text(main.getResultAttr(port, secure::postAttr)))
                                  .Case("softmax", plan::Port::SOFTMAX)
                                  .Case("log_softmax", plan::Port::LOG_SOFTMAX)
                                  .Case("argmax", plan::Port::ARGMAX)
                                  .Case("index", plan::Port::INDEX)
                                  .Case("argmax_last", plan::Port::ARGMAX_LAST)
                                  .Case("top_values", plan::Port::TOP_VALUES)
                                  .Case("top_indices", plan::Port::TOP_INDICES)
                                  .Case("bottom_values", plan::Port::BOTTOM_VALUES)
                                  .Case("bottom_indices", plan::Port::BOTTOM_INDICES)
                                  .Default(plan::Port::NONE));
      if (auto axis = main.getResultAttrOfType<IntegerAttr>(port, secure::postAxisAttr))
        output.set_post_axis(static_cast<uint32_t>(axis.getInt()));
      if (auto count = main.getResultAttrOfType<IntegerAttr>(port, secure::postCountAttr))
        output.set_post_count(static_cast<uint32_t>(count.getInt()));
      if (auto shape = main.getResultAttrOfType<DenseI64ArrayAttr>(port, secure::shapeAttr))
        for (int64_t extent : shape.asArrayRef())
          output.add_shape(static_cast<uint64_t>(extent));
    }
  }

  /// Interval by interval, in program order: operands come before their users.
  void addSchedule() {
    std::vector<std::vector<std::pair<uint32_t, uint32_t>>> runs(
        static_cast<size_t>(schedule.exchanges()) + 1);
    for (uint32_t step = 0; step < intervals.size(); ++step)
      for (uint32_t phase = 0; phase < intervals[step].size(); ++phase)
        runs[static_cast<size_t>(intervals[step][phase])].emplace_back(step, phase);
    for (size_t interval = 0; interval < runs.size(); ++interval) {
      if (interval > 0)
        plan().add_schedule()->mutable_exchange();
      for (auto [step, phase] : runs[interval]) {
        plan::RunPhase &run = *plan().add_schedule()->mutable_run();
        run.set_step(step);
        run.set_phase(phase);
      }
    }
  }

  /// The schedule's idea of a gate's messages is the plan's own.
  void checkPhases() {
    for (uint32_t step = 0; step < intervals.size(); ++step)
      check(plan::phaseCount(plan().steps(static_cast<int>(step))) == intervals[step].size(),
            "a gate and the schedule differ in the number of messages");
  }
};
} // namespace

EmittedPlan emitPlan(ModuleOp module, const std::string &compiler, const std::string &model) {
  auto main = secure::mainFunction(module);
  check(main != nullptr, "the secure program has no @main");
  auto schedule = secure::Schedule::read(main);
  check(succeeded(schedule), "the secure program has no schedule");
  return Emitter(module, main, *schedule).run(compiler, model);
}

plan::Plan withoutNames(plan::Plan plan) {
  plan.clear_model();
  for (plan::Step &step : *plan.mutable_steps())
    if (!step.has_input() && !step.has_output())
      step.clear_name();
  for (plan::WeightTensor &weight : *plan.mutable_weights())
    weight.clear_name();
  return plan;
}

} // namespace gfs
