// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/Summary.h"

#include <fmt/format.h>

namespace gfs {

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

std::string summaryText(const Program &program, const Environment &environment,
                        const std::optional<CalibrationResult> &calibration) {
  using inspect::grouped;
  const inspect::Summary summary = inspect::summarize(program, environment);
  const PlanCost &cost = summary.cost;
  const uint64_t reluDealt = summary.reluDealtBytes[0] + summary.reluDealtBytes[1];

  std::string text;
  auto line = [&](std::string_view name, const std::string &value) {
    text += fmt::format("  {:<16}{}\n", name, value);
  };
  line("layers",
       fmt::format("{} linear, {} multiplications, {} ReLUs, maxima included", summary.linearLayers,
                   grouped(cost.multiplications), grouped(summary.relus)));
  line("ring", fmt::format("{} bits", program.plan().ring_bits()));
  line("weights", fmt::format("{}, {}", grouped(summary.weights),
                              weightModeText(program.plan().weight_mode())));
  line("exchanges", grouped(cost.exchanges));
  line("bytes each way", grouped(cost.messageBytes));
  line("dealt bytes", fmt::format("{} to server 0, {} to server 1, an inference",
                                  grouped(cost.dealtBytes[0]), grouped(cost.dealtBytes[1])));
  if (summary.relus)
    line("dealt per ReLU",
         fmt::format("{:.1f} bytes, both servers' together",
                     static_cast<double>(reluDealt) / static_cast<double>(summary.relus)));
  if (calibration)
    line("agreement",
         fmt::format(
             "{:.1f} % same largest output, relative error {:.2f} %, {} {} samples, run in clear",
             100 * calibration->agreement, 100 * calibration->relativeError, calibration->samples,
             calibration->synthetic ? "synthetic" : "calibration"));
  return text;
}

} // namespace gfs
