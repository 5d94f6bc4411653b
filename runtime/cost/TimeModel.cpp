// SPDX-License-Identifier: Apache-2.0
#include "runtime/cost/TimeModel.h"

#include <fmt/format.h>

namespace gfs {

std::string Environment::text() const {
  return fmt::format("{}; machine: {} ({})", network.text(), machine.cpu, machine.kernels);
}

namespace {
/// A kind of work and how much of it, see workNames.
struct UnitWork {
  const char *kind;
  uint64_t units;
};
} // namespace

static LinearShape linearShape(const plan::Conv &conv) {
  uint64_t perGroup = conv.in_channels() / std::max(conv.groups(), 1u);
  if (conv.groups() > 1 && perGroup == 1)
    return LinearShape::Depthwise;
  if (uint64_t(conv.out_h()) * conv.out_w() == 1)
    return LinearShape::Matrix;
  if (perGroup * conv.kernel_h() * conv.kernel_w() < 64)
    return LinearShape::Thin;
  const bool filters = conv.groups() == 1 && conv.kernel_h() == 3 && conv.kernel_w() == 3 &&
                       conv.stride_h() == 1 && conv.stride_w() == 1 && conv.dilation_h() == 1 &&
                       conv.dilation_w() == 1;
  // On smaller planes the filters have too few tiles to pay.
  return filters && uint64_t(conv.out_h()) * conv.out_w() >= 64 ? LinearShape::Filter
                                                                : LinearShape::Dense;
}

/// Units are elements of the result; of comparisons with chunks, chunks; of splines, pieces.
static UnitWork unitWork(const plan::Step &step, uint64_t elements, uint64_t operandElements) {
  using Gate = plan::Step;
  switch (step.gate_case()) {
  case Gate::kInput:
    return {"input", elements};
  case Gate::kOutput:
    return {"output", operandElements};
  case Gate::kOpen:
    return {"open", elements};
  case Gate::kUnmask:
    return {"unmask", elements};
  case Gate::kTruncate:
    return {"truncate", elements};
  case Gate::kSquare:
    return {"square", elements};
  case Gate::kMultiply:
    return {"multiply", elements};
  case Gate::kMatMul: // the left operand less its mask; the products are multiplications
    return {"multiply", operandElements};
  case Gate::kAddWeight:
    return {"add_weight", elements};
  case Gate::kSumPool:
    return {"sum_pool", elements * step.sum_pool().kernel_h() * step.sum_pool().kernel_w()};
  case Gate::kSpline:
    return {"spline", elements * static_cast<uint64_t>(step.spline().pieces_size())};
  case Gate::kRelu: {
    const plan::SignWindow &window = step.relu().window();
    if (window.protocol() == plan::SignWindow::DCF)
      return {"relu_table", 0}; // AES is all that counts
    if (window.protocol() == plan::SignWindow::TABLE)
      return {"relu_table", elements};
    return {"relu_one_hot", elements * plan::oneHotChunks(window.high() - window.low())};
  }
  case Gate::kLinear:
    return {"local", elements}; // adds what was prepared
  default:
    return {"local", elements};
  }
}

/// Products of secret matrices run as convolutions of single pixels with a group each.
static LinearShape linearShape(const plan::MatMul &product) {
  if (product.columns() == 1)
    return LinearShape::Matrix;
  return product.inner() < 64 ? LinearShape::Thin : LinearShape::Dense;
}

static double computeSeconds(const Program &program, uint32_t id, const MachineProfile &machine) {
  const plan::Step &step = program.step(id);
  const Cost &cost = program.cost(id);
  const unsigned ringBits = program.ring().bits;
  uint64_t operand = step.operands_size() > 0 ? program.valueElements(step.operands(0)) : 0;
  UnitWork work =
      unitWork(step, program.hasResult(id) ? program.valueElements(step.result()) : 0, operand);
  double ns =
      machine.phaseNs * cost.phases() + machine.aesBlockNs * static_cast<double>(cost.aesBlocks);
  auto unit = machine.unitNs.find(work.kind);
  if (unit != machine.unitNs.end())
    ns += unit->second[ringBits <= 32 ? 0 : 1] * static_cast<double>(work.units);
  if (step.has_linear() || step.has_mat_mul()) {
    const auto shape = static_cast<size_t>(step.has_linear() ? linearShape(step.linear().conv())
                                                             : linearShape(step.mat_mul()));
    ns += machine.multiplicationNs[shape][ringClass(ringBits)] *
          static_cast<double>(cost.multiplications);
  }
  return ns * 1e-9;
}

TimePrediction predictTime(const Program &program, const Environment &environment) {
  TimePrediction time;
  time.environment = environment;
  time.steps.resize(program.steps());
  for (uint32_t id = 0; id < program.steps(); ++id)
    time.steps[id].computeSeconds = computeSeconds(program, id, environment.machine);

  const MachineProfile::Exchange &software =
      environment.machine.exchanges[static_cast<size_t>(environment.transport)];
  const double delay = environment.network.oneWaySeconds() + software.fixedUs * 1e-6;
  auto transfer = [&](uint64_t bytes) {
    return environment.network.sendSeconds(bytes) +
           software.nsPerByte * 1e-9 * static_cast<double>(bytes);
  };
  // A stage after which nobody sends is the last.
  for (size_t index = 0; index + 1 < program.stages().size(); ++index) {
    const ProgramStage &stage = program.stages()[index];
    ++time.exchanges;
    double senders = 0;
    for (const ProgramPhase &phase : stage.phases)
      senders += phase.outgoing.bytes > 0;
    for (const ProgramPhase &phase : stage.phases) {
      if (phase.outgoing.bytes == 0)
        continue;
      time.steps[phase.step].delaySeconds += delay / senders;
      time.steps[phase.step].transferSeconds += transfer(phase.outgoing.bytes);
    }
  }
  for (const StepTime &step : time.steps) {
    time.total.computeSeconds += step.computeSeconds;
    time.total.delaySeconds += step.delaySeconds;
    time.total.transferSeconds += step.transferSeconds;
  }
  return time;
}

} // namespace gfs
