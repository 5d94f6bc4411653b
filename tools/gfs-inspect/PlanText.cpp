// SPDX-License-Identifier: Apache-2.0
// A plan as tables.
#include "runtime/plan/Files.h"
#include "tools/gfs-inspect/Views.h"

#include <algorithm>
#include <fmt/format.h>

namespace gfs::inspect {

static const char *weightModeText(plan::WeightMode mode) {
  switch (mode) {
  case plan::WEIGHTS_SERVER:
    return "server (server 0 knows them)";
  case plan::WEIGHTS_PUBLIC:
    return "public (both servers know them)";
  default:
    return "shared (neither server knows them)";
  }
}

static std::string portText(const Program &program, const plan::Port &port) {
  static const char *const post[] = {"",
                                     "softmax",
                                     "argmax",
                                     "log_softmax",
                                     "",
                                     "largest",
                                     "positions of largest",
                                     "smallest",
                                     "positions of smallest",
                                     "argmax (last)"};
  std::string client;
  if (port.post_count() > 0)
    client = fmt::format("{} ", port.post_count());
  if (port.post_process() == plan::Port::INDEX)
    client = ", index of the largest, by the servers";
  else if (port.post_process() != plan::Port::NONE)
    client = fmt::format(", {}{} at the client", client, post[port.post_process()]);
  const plan::Value &value = program.plan().values(static_cast<int>(port.value()));
  return fmt::format("{} {}, scale {}{}", port.name().empty() ? "(unnamed)" : port.name(),
                     shapeText(value), value.scale(), client);
}

std::string overviewText(const Program &program, const Summary &summary, const std::string &file) {
  std::string text;
  auto line = [&](std::string_view name, const std::string &value) {
    text += fmt::format("  {:<18}{}\n", name, value);
  };
  text += fmt::format("{}: plan of {}, format {}, made by {}\n", file,
                      program.plan().model().empty() ? "an unnamed model" : program.plan().model(),
                      program.plan().format(), program.plan().compiler());
  line("hash", plan::hex(program.loaded().hash));
  line("ring", fmt::format("{} bits", program.plan().ring_bits()));
  line("weights",
       fmt::format("{} in {} tensors, {}", grouped(summary.weights), program.plan().weights_size(),
                   weightModeText(program.plan().weight_mode())));
  for (const plan::Port &port : program.plan().inputs())
    line("input", portText(program, port));
  for (const plan::Port &port : program.plan().outputs())
    line("output", portText(program, port));
  line("steps", grouped(static_cast<uint64_t>(program.plan().steps_size())));
  line("multiplications", fmt::format("{} a server", grouped(summary.cost.multiplications)));
  line("ReLUs", grouped(summary.relus));
  line("exchanges", grouped(summary.cost.exchanges));
  line("bytes each way", grouped(summary.cost.messageBytes));
  line("dealt bytes",
       fmt::format("{} to server 0, {} to server 1, an inference",
                   grouped(summary.cost.dealtBytes[0]), grouped(summary.cost.dealtBytes[1])));
  if (summary.relus)
    line("dealt per ReLU",
         fmt::format("{:.1f}, both servers' together",
                     static_cast<double>(summary.reluDealtBytes[0] + summary.reluDealtBytes[1]) /
                         static_cast<double>(summary.relus)));
  line("predicted", fmt::format("{:.1f} ms online for {}", 1e3 * summary.predicted.seconds(),
                                summary.predicted.environment.text()));
  line("memory", fmt::format("{} bytes for values", grouped(summary.cost.arenaBytes)));
  return text;
}

/// Columns as wide as their widest cell; `left` columns are aligned left.
static std::string table(const std::vector<std::vector<std::string>> &rows, size_t left) {
  std::vector<size_t> widths;
  for (const auto &row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      widths.resize(std::max(widths.size(), i + 1));
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const auto &row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += i < left ? fmt::format("{:<{}}  ", row[i], widths[i])
                       : fmt::format("{:>{}}  ", row[i], widths[i]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

std::string layersText(const Summary &summary) {
  std::vector<std::vector<std::string>> rows = {{"step", "name", "gate", "shape", "kind", "detail",
                                                 "scale", "exchanges", "bytes each way",
                                                 "dealt to 0", "dealt to 1", "predicted ms"}};
  for (const Row &row : summary.rows)
    rows.push_back({std::to_string(row.step), row.name, row.gate, shapeText(*row.value),
                    row.value->kind() == plan::Value::MASKED ? "masked" : "shared", row.detail,
                    std::to_string(row.value->scale()),
                    std::to_string(row.cost.messageBytes.size()), grouped(row.messageBytes),
                    grouped(row.cost.dealtBytes[0]), grouped(row.cost.dealtBytes[1]),
                    fmt::format("{:.3f}", 1e3 * summary.predicted.steps[row.step].seconds())});
  return table(rows, 6);
}

std::string scheduleText(const Program &program, const Summary &summary) {
  std::vector<std::vector<std::string>> rows = {{"exchange", "messages of", "bytes each way"}};
  for (size_t i = 0; i < summary.cost.exchanges; ++i) {
    std::string steps;
    for (uint32_t step : summary.exchanges[i].steps)
      steps += (steps.empty() ? "" : ", ") + plan::describeStep(program.plan(), step);
    rows.push_back({std::to_string(i), steps, grouped(summary.exchanges[i].bytes)});
  }
  return table(rows, 2);
}

} // namespace gfs::inspect
