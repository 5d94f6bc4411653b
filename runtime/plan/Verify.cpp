// SPDX-License-Identifier: Apache-2.0
// The whole-plan rules: sizes, ids, values made once, ports. Gates and schedule have files of their
// own.
#include "runtime/plan/PostProcess.h"
#include "runtime/plan/VerifyContext.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace gfs::plan {

static void verifyHeader(const VerifyContext &v) {
  const Plan &plan = v.plan;
  v.require(plan.format() == formatVersion, "plan format {} is not {}, the one this version reads",
            plan.format(), formatVersion);
  v.require(plan.ring_bits() >= Ring::minBits && plan.ring_bits() <= Ring::maxBits,
            "expects a ring of {} to {} bits, got {}", Ring::minBits, Ring::maxBits,
            plan.ring_bits());
  v.require(WeightMode_IsValid(plan.weight_mode()), "unknown weight mode {}",
            static_cast<int>(plan.weight_mode()));
  v.require(plan.outputs_size() > 0, "the plan has no output");
  v.require(plan.steps_size() <= maxSteps && plan.values_size() <= maxSteps &&
                plan.weights_size() <= maxSteps,
            "expects at most {} steps, values and weights, got {}, {} and {}", maxSteps,
            plan.steps_size(), plan.values_size(), plan.weights_size());
}

static void verifyValues(VerifyContext &v) {
  uint64_t needed = 0; // if no two values shared memory, each with room to be aligned
  v.counts.reserve(static_cast<size_t>(v.plan.values_size()));
  for (int id = 0; id < v.plan.values_size(); ++id) {
    const Value &value = v.plan.values(id);
    v.require(value.shape_size() <= maxRank, "value {}: expects at most {} dimensions, got {}", id,
              maxRank, value.shape_size());
    uint64_t count = 1;
    for (uint64_t size : value.shape())
      v.require(size > 0 && multiplyWithin(count, size, maxElements, count),
                "value {}: its element count is zero or exceeds 2^31", id);
    v.require(Value::Kind_IsValid(value.kind()), "value {}: unknown kind {}", id,
              static_cast<int>(value.kind()));
    v.require(value.scale() >= -256 && value.scale() <= 256,
              "value {}: expects a scale from -256 to 256, got {}", id, value.scale());
    v.require(value.offset() <= v.plan.arena_words() &&
                  count <= v.plan.arena_words() - value.offset(),
              "value {}: lies outside the arena", id);
    needed += count + 16;
    v.counts.push_back(count);
  }
  // Memory is taken before anything else is looked at, so its size must follow from the values.
  v.require(v.plan.arena_words() <= needed,
            "the arena of {} words is larger than all values together", v.plan.arena_words());
}

static void verifyWeights(const VerifyContext &v) {
  for (int id = 0; id < v.plan.weights_size(); ++id) {
    const WeightTensor &weight = v.plan.weights(id);
    v.require(weight.elements() > 0 && weight.elements() <= maxElements,
              "weight {}: expects 1 to 2^31 elements, got {}", id, weight.elements());
    v.require(weight.scale() >= -256 && weight.scale() <= 256,
              "weight {}: expects a scale from -256 to 256, got {}", id, weight.scale());
  }
}

/// Every value is the result of exactly one step, and is read only after it in program order.
static void verifyDataFlow(const VerifyContext &v) {
  std::vector<bool> made(v.counts.size(), false);
  for (int index = 0; index < v.plan.steps_size(); ++index) {
    auto id = static_cast<uint32_t>(index);
    const Step &step = v.step(id);
    v.requireStep(step.gate_case() != Step::GATE_NOT_SET, id, "has no gate");
    for (uint32_t operand : step.operands())
      v.requireStep(operand < made.size() && made[operand], id,
                    "reads value {}, which no earlier step makes", operand);
    if (step.has_output())
      continue;
    v.requireStep(step.result() < made.size(), id, "makes value {}, which does not exist",
                  step.result());
    v.requireStep(!made[step.result()], id, "makes value {} a second time", step.result());
    made[step.result()] = true;
  }
  for (size_t id = 0; id < made.size(); ++id)
    v.require(made[id], "no step makes value {}", id);
}

/// The axis exists, as many elements are selected as there are at most, and the shape that the client
/// gives them has as many.
static void verifyPostProcess(const VerifyContext &v, const Port &port) {
  if (port.post_process() == Port::NONE || port.post_process() == Port::INDEX)
    return v.require(port.shape_size() == 0, "output {}: only what is processed is reshaped",
                     port.name());
  const Value &value = v.value(port.value());
  int axes = value.shape_size();
  v.require(axes > 0 && (!port.has_post_axis() || port.post_axis() < static_cast<uint32_t>(axes)),
            "output {}: post-processing needs an axis", port.name());
  const std::vector<uint64_t> shape(value.shape().begin(), value.shape().end());
  const uint64_t extent = shape[port.has_post_axis() ? port.post_axis() : 0];
  v.require(!selects(port) ||
                (port.has_post_axis() && port.post_count() >= 1 && port.post_count() <= extent),
            "output {}: cannot select {} elements of its axis", port.name(), port.post_count());
  if (port.shape_size() == 0)
    return;
  uint64_t made = 1, given = 1;
  for (uint64_t extent : postProcessShape(port, shape))
    made *= extent;
  for (uint64_t size : port.shape())
    v.require(size > 0 && multiplyWithin(given, size, made, given),
              "output {}: its shape has other than {} elements", port.name(), made);
  v.require(given == made && port.shape_size() <= maxRank,
            "output {}: its shape has other than {} elements", port.name(), made);
}

static void verifyPorts(const VerifyContext &v) {
  auto checkPorts = [&](const auto &ports, const char *what, auto gateOfStep, auto valueOfStep) {
    std::vector<unsigned> uses(static_cast<size_t>(ports.size()), 0);
    for (int index = 0; index < v.plan.steps_size(); ++index) {
      const Step &step = v.plan.steps(index);
      const auto *gate = gateOfStep(step);
      if (!gate)
        continue;
      auto id = static_cast<uint32_t>(index);
      v.requireStep(gate->port() < uses.size(), id, "names {} {}, which does not exist", what,
                    gate->port());
      uses[gate->port()] += 1;
      v.requireStep(ports.Get(static_cast<int>(gate->port())).value() == valueOfStep(step), id,
                    "{} {} has another value", what, gate->port());
    }
    std::set<std::string> names;
    for (int port = 0; port < ports.size(); ++port) {
      v.require(uses[static_cast<size_t>(port)] == 1,
                "{} {}: expects one step that uses it, got {}", what, port,
                uses[static_cast<size_t>(port)]);
      v.require(!ports.Get(port).name().empty() && names.insert(ports.Get(port).name()).second,
                "{} {}: its name is empty or used twice", what, port);
      v.require(Port::PostProcess_IsValid(ports.Get(port).post_process()),
                "{} {}: unknown post-processing {}", what, port,
                static_cast<int>(ports.Get(port).post_process()));
    }
  };
  checkPorts(
      v.plan.inputs(), "input", [](const Step &s) { return s.has_input() ? &s.input() : nullptr; },
      [](const Step &s) { return s.result(); });
  checkPorts(
      v.plan.outputs(), "output",
      [](const Step &s) { return s.has_output() ? &s.output() : nullptr; },
      [](const Step &s) { return s.operands(0); });
  for (const Port &port : v.plan.inputs()) {
    v.require(port.post_process() == Port::NONE, "input {}: an input has no post-processing",
              port.name());
    v.require(std::isfinite(port.seen()) && port.seen() >= 0,
              "input {}: the largest magnitude seen is none", port.name());
  }
  for (const Port &port : v.plan.outputs())
    verifyPostProcess(v, port);
}

void verifyPlan(const Plan &plan, const std::string &name) {
  VerifyContext v{plan, name, {}};
  verifyHeader(v);
  verifyValues(v);
  verifyWeights(v);
  verifyDataFlow(v);
  for (int step = 0; step < plan.steps_size(); ++step)
    verifyGate(v, static_cast<uint32_t>(step));
  verifyPorts(v);
  verifySchedule(v);
}

} // namespace gfs::plan
