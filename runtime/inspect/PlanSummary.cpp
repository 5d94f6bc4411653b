// SPDX-License-Identifier: Apache-2.0
#include "runtime/inspect/PlanSummary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gfs::inspect {

std::string shapeText(const plan::Value &value) {
  return value.shape().empty() ? "scalar" : fmt::format("{}", fmt::join(value.shape(), "x"));
}

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t i = digits.size(); i > 3; i -= 3)
    digits.insert(i - 3, ",");
  return digits;
}

static const char *protocolName(plan::SignWindow::Protocol protocol) {
  switch (protocol) {
  case plan::SignWindow::ONE_HOT:
    return "one_hot";
  case plan::SignWindow::DCF:
    return "dcf";
  default:
    return "table";
  }
}

static std::string windowText(const plan::SignWindow &window, uint32_t shift) {
  return fmt::format("{} {} bits [{}, {}), >> {}", protocolName(window.protocol()),
                     window.high() - window.low(), window.low(), window.high(), shift);
}

static std::string convText(const plan::Linear &linear) {
  const plan::Conv &conv = linear.conv();
  std::string text =
      fmt::format("{}x{}x{}x{}", conv.out_channels(), conv.in_channels() / conv.groups(),
                  conv.kernel_h(), conv.kernel_w());
  if (conv.stride_h() != 1 || conv.stride_w() != 1)
    text += fmt::format(", stride {}x{}", conv.stride_h(), conv.stride_w());
  if (conv.dilation_h() != 1 || conv.dilation_w() != 1)
    text += fmt::format(", dilation {}x{}", conv.dilation_h(), conv.dilation_w());
  if (conv.groups() != 1)
    text += fmt::format(", {} groups", conv.groups());
  return text + (linear.has_bias() ? ", bias" : "");
}

static std::string detailText(const plan::Plan &plan, const plan::Step &step) {
  switch (step.gate_case()) {
  case plan::Step::kInput:
    return fmt::format("port {}", step.input().port());
  case plan::Step::kOutput:
    return fmt::format("port {}", step.output().port());
  case plan::Step::kOpen:
    return step.open().dropped()
               ? fmt::format("bits {} to {}", step.open().dropped(), plan.ring_bits() - 1)
               : std::string();
  case plan::Step::kLinear:
    return convText(step.linear());
  case plan::Step::kRelu:
    return windowText(step.relu().window(), step.relu().shift());
  case plan::Step::kSpline:
    return windowText(step.spline().window(), step.spline().shift());
  case plan::Step::kTruncate:
    return fmt::format(">> {}", step.truncate().shift());
  case plan::Step::kSquare:
    return fmt::format(">> {}", step.square().shift());
  case plan::Step::kMatMul:
    return fmt::format("{} of {}x{} by {}x{}", step.mat_mul().count(), step.mat_mul().rows(),
                       step.mat_mul().inner(), step.mat_mul().inner(), step.mat_mul().columns());
  case plan::Step::kScale:
    return fmt::format("by {}", step.scale().factor());
  case plan::Step::kTake:
    return fmt::format("axis {}, {} of {}", step.take().axis(), step.take().indices_size(),
                       plan.values(static_cast<int>(step.operands(0)))
                           .shape(static_cast<int>(step.take().axis())));
  case plan::Step::kTranspose:
    return fmt::format("{}", fmt::join(step.transpose().permutation(), ", "));
  case plan::Step::kConcat:
    return fmt::format("axis {}", step.concat().axis());
  case plan::Step::kSumPool:
    return fmt::format("{}x{}, stride {}x{}", step.sum_pool().kernel_h(),
                       step.sum_pool().kernel_w(), step.sum_pool().stride_h(),
                       step.sum_pool().stride_w());
  default:
    return {};
  }
}

static Row makeRow(const Program &program, uint32_t id) {
  const plan::Plan &plan = program.plan();
  const plan::Step &step = program.step(id);
  Row row;
  row.step = id;
  row.name = step.name();
  row.gate = plan::gateName(step);
  row.value = &plan.values(static_cast<int>(step.has_output() ? step.operands(0) : step.result()));
  row.detail = detailText(plan, step);
  row.cost = program.cost(id);
  for (uint64_t bytes : row.cost.messageBytes)
    row.messageBytes += bytes;
  return row;
}

static void countRow(Summary &summary, const Row &row, const plan::Step &step) {
  uint64_t count = plan::elements(*row.value);
  if (!step.has_output() && row.value->kind() == plan::Value::MASKED)
    summary.maskedElements += count;
  if (step.has_open()) {
    ++summary.opens;
    summary.openedElements += count;
  } else {
    summary.comparisonBytes += row.messageBytes;
  }
  summary.linearLayers += step.has_linear();
  if (step.has_relu()) {
    summary.relus += count;
    for (unsigned party = 0; party < 2; ++party)
      summary.reluDealtBytes[party] += row.cost.dealtBytes[party];
  }
}

Summary summarize(const Program &program, const Environment &environment) {
  Summary summary;
  summary.cost = planCost(program);
  summary.predicted = predictTime(program, environment);
  for (uint32_t id = 0; id < program.steps(); ++id) {
    summary.rows.push_back(makeRow(program, id));
    countRow(summary, summary.rows.back(), program.step(id));
  }
  for (const plan::WeightTensor &weight : program.plan().weights())
    summary.weights += weight.elements();
  for (const ProgramStage &stage : program.stages()) {
    ExchangeRow exchange;
    for (const ProgramPhase &phase : stage.phases)
      if (phase.outgoing.bytes)
        exchange.steps.push_back(phase.step);
    exchange.bytes = stage.messageBytes;
    summary.exchanges.push_back(std::move(exchange));
  }
  // No exchange follows the last stage.
  summary.exchanges.resize(summary.cost.exchanges);
  return summary;
}

} // namespace gfs::inspect
