// SPDX-License-Identifier: Apache-2.0
#include "compiler/cost/ExplainText.h"

#include <fmt/format.h>

namespace gfs {

using Json = nlohmann::ordered_json;

static const char *name(Preference preference) {
  return preference == Preference::Time ? "time" : "material";
}

static std::string bytesText(uint64_t bytes) {
  const char *const units[] = {"B", "kB", "MB", "GB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(units); ++unit)
    value /= 1000;
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, units[unit]);
}

static std::string numbers(const LayerCost &cost) {
  return fmt::format("{:>10.3f} {:>6} {:>10} {:>10}", 1e3 * cost.time.seconds(), cost.exchanges,
                     bytesText(cost.messageBytes), bytesText(cost.dealtBytes));
}

std::string explanationText(const CostExplanation &explanation, const CostGoal &goal) {
  size_t width = 5;
  for (const LayerChoice &layer : explanation.layers)
    width = std::max(width, std::min<size_t>(layer.layer.size(), 40));
  auto fit = [&](const std::string &text) { // the end of a long name tells layers apart
    return text.size() <= width ? text : "…" + text.substr(text.size() - width + 1);
  };
  std::string text =
      fmt::format("predicted for {}; prefer {}\n", goal.environment.text(), name(goal.prefer));
  text += fmt::format("{:<{}}  {:<8} {:>10} {:>6} {:>10} {:>10}  {}\n", "layer", width, "signs by",
                      "ms", "exch.", "each way", "dealt", "alternatives, else gates");
  for (const LayerChoice &layer : explanation.layers) {
    std::string rest;
    for (const ProtocolCost &other : layer.alternatives)
      if (other.protocol != layer.protocol)
        rest += fmt::format("{}{} {:.3f} ms, {} exch., {}", rest.empty() ? "" : "; ",
                            other.protocol, 1e3 * other.cost.time.seconds(), other.cost.exchanges,
                            bytesText(other.cost.dealtBytes));
    // Padding counts characters, of which the ellipsis is one.
    text += fmt::format("{:<{}}  {:<8} {}  {}\n", fit(layer.layer), width,
                        layer.protocol.empty() ? "-" : layer.protocol, numbers(layer.cost),
                        rest.empty() ? layer.gates : rest);
  }
  const LayerCost &total = explanation.total;
  text += fmt::format("{:<{}}  {:<8} {}  compute {:.3f} ms, delays {:.3f} ms, transfer {:.3f} ms\n",
                      "total", width, "", numbers(total), 1e3 * total.time.computeSeconds,
                      1e3 * total.time.delaySeconds, 1e3 * total.time.transferSeconds);
  return text + "(messages of independent layers travel together: the total has fewer exchanges)\n";
}

static Json costJson(const LayerCost &cost) {
  return {{"predicted_ms", 1e3 * cost.time.seconds()},
          {"compute_ms", 1e3 * cost.time.computeSeconds},
          {"delay_ms", 1e3 * cost.time.delaySeconds},
          {"transfer_ms", 1e3 * cost.time.transferSeconds},
          {"exchanges", cost.exchanges},
          {"bytes_each_way", cost.messageBytes},
          {"dealt_bytes", cost.dealtBytes}};
}

Json explanationJson(const CostExplanation &explanation, const CostGoal &goal) {
  const NetworkProfile &network = goal.environment.network;
  Json json = {{"network",
                {{"name", network.name},
                 {"round_trip_ms", 1e3 * network.roundTripSeconds},
                 {"mbit_per_s", network.bytesPerSecond > 0 ? Json(network.bytesPerSecond * 8e-6)
                                                           : Json(nullptr)}}},
               {"machine", goal.environment.machine.cpu},
               {"prefer", name(goal.prefer)},
               {"total", costJson(explanation.total)},
               {"layers", Json::array()}};
  for (const LayerChoice &layer : explanation.layers) {
    Json entry = {{"layer", layer.layer}, {"gates", layer.gates}, {"protocol", layer.protocol}};
    entry["cost"] = costJson(layer.cost);
    entry["alternatives"] = Json::array();
    for (const ProtocolCost &other : layer.alternatives)
      entry["alternatives"].push_back(
          {{"protocol", other.protocol}, {"cost", costJson(other.cost)}});
    json["layers"].push_back(std::move(entry));
  }
  return json;
}

} // namespace gfs
