// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/Summary.h"

#include <fmt/format.h>

namespace gfs {

static std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t i = digits.size(); i > 3; i -= 3)
    digits.insert(i - 3, ",");
  return digits;
}

static const char *weightModeText(plan::WeightMode mode) {
  switch (mode) {
  case plan::WEIGHTS_SERVER:
    return "known to server 0";
  case plan::WEIGHTS_PUBLIC:
    return "known to both servers";
  default:
    return "hidden from both servers";
  }
}

std::string summaryText(const Program &program,
                        const std::optional<CalibrationResult> &calibration) {
  PlanCost cost = planCost(program);
  uint64_t linear = 0, relus = 0, reluDealt = 0, weights = 0;
  for (uint32_t id = 0; id < program.steps(); ++id) {
    linear += program.step(id).has_linear();
    if (program.step(id).has_relu()) {
      relus += program.valueElements(program.step(id).result());
      reluDealt += program.cost(id).dealtBytes[0] + program.cost(id).dealtBytes[1];
    }
  }
  for (const plan::WeightTensor &weight : program.plan().weights())
    weights += weight.elements();

  std::string text;
  auto line = [&](std::string_view name, const std::string &value) {
    text += fmt::format("  {:<16}{}\n", name, value);
  };
  line("layers", fmt::format("{} linear, {} multiplications, {} ReLUs", linear,
                             grouped(cost.multiplications), grouped(relus)));
  line("ring", fmt::format("{} bits", program.plan().ring_bits()));
  line("weights",
       fmt::format("{}, {}", grouped(weights), weightModeText(program.plan().weight_mode())));
  line("exchanges", grouped(cost.exchanges));
  line("bytes each way", grouped(cost.messageBytes));
  line("dealt bytes", fmt::format("{} to server 0, {} to server 1, an inference",
                                  grouped(cost.dealtBytes[0]), grouped(cost.dealtBytes[1])));
  if (relus)
    line("dealt per ReLU",
         fmt::format("{:.1f} bytes, both servers' together",
                     static_cast<double>(reluDealt) / static_cast<double>(relus)));
  if (calibration)
    line("agreement",
         fmt::format(
             "{:.1f} % same largest output, relative error {:.2f} %, {} {} samples, run in clear",
             100 * calibration->agreement, 100 * calibration->relativeError, calibration->samples,
             calibration->synthetic ? "synthetic" : "calibration"));
  return text;
}

} // namespace gfs
