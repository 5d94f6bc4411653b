// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Summary.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace gfs::serve {

Percentiles percentiles(std::vector<double> values) {
  if (values.empty())
    return {};
  std::sort(values.begin(), values.end());
  auto rank = [&](double part) {
    auto position = static_cast<size_t>(std::ceil(part * static_cast<double>(values.size())));
    return values[std::clamp<size_t>(position, 1, values.size()) - 1];
  };
  double sum = 0;
  for (double value : values)
    sum += value;
  return {rank(0.5), rank(0.9), rank(0.99), sum / static_cast<double>(values.size())};
}

std::string bytesText(double bytes) {
  const char *units[] = {"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(units); ++unit)
    bytes /= 1000;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.4g} {}", bytes, units[unit]);
}

template <class Get> static Percentiles over(std::span<const RequestCost> costs, Get get) {
  std::vector<double> values;
  for (const RequestCost &cost : costs)
    values.push_back(get(cost));
  return percentiles(std::move(values));
}

/// The slower of both servers.
template <class Get> static auto slower(Get get) {
  return [get](const RequestCost &cost) {
    return std::max(get(cost.servers[0]), get(cost.servers[1]));
  };
}

static std::string row(const char *name, const Percentiles &values) {
  return fmt::format("{:<22} p50 {:>9.2f} ms   p90 {:>9.2f} ms   p99 {:>9.2f} ms\n", name,
                     values.p50, values.p90, values.p99);
}

std::string summaryText(std::span<const RequestCost> costs, const Scores &scores,
                        const std::optional<PredictedTime> &predicted,
                        std::optional<double> perSecond) {
  std::string text;
  if (!costs.empty()) {
    const auto &servers = costs.back().servers;
    text += fmt::format("{} {}\n", costs.size(), costs.size() == 1 ? "inference" : "inferences");
    text += row("online", over(costs, [](const RequestCost &cost) { return cost.onlineMs(); }));
    if (predicted)
      text += fmt::format("{:<22}     {:>9.2f} ms   for {}\n", "  predicted", predicted->onlineMs,
                          predicted->conditions);
    text += row("  of it in exchanges",
                over(costs, slower([](const Stats &stats) { return stats.wait_ms(); })));
    text += row("preparation",
                over(costs, slower([](const Stats &stats) { return stats.prepare_ms(); })));
    text += row("total", over(costs, [](const RequestCost &cost) { return cost.totalMs; }));
    if (Percentiles deal = over(costs, [](const RequestCost &cost) { return cost.dealMs; });
        deal.mean > 0)
      text += row("dealing (offline)", deal);
    if (perSecond && costs.size() > 1)
      text += fmt::format("{:<22}     {:>9.1f} inferences per second\n", "throughput", *perSecond);
    text += fmt::format(
        "per inference: {} exchanges, {} sent and {} received by server 0, dealt {} + {}",
        servers[0].exchanges(), bytesText(double(servers[0].payload_sent())),
        bytesText(double(servers[0].payload_received())),
        bytesText(double(servers[0].dealt_bytes())), bytesText(double(servers[1].dealt_bytes())));
    if (costs.back().clientBytes > 0)
      text += fmt::format(", client {}", bytesText(double(costs.back().clientBytes)));
    text += '\n';
  }
  if (scores.accuracy)
    text += fmt::format("accuracy {:.4f} over {} rows\n", *scores.accuracy, scores.rows);
  if (scores.agreement)
    text += fmt::format("argmax agreement {:.4f} over {} rows, largest difference {:.4g}\n",
                        *scores.agreement, scores.rows, *scores.maxDifference);
  return text;
}

static nlohmann::ordered_json json(const Percentiles &values) {
  return {{"p50", values.p50}, {"p90", values.p90}, {"p99", values.p99}, {"mean", values.mean}};
}

std::string summaryJson(const plan::LoadedPlan &plan, std::span<const RequestCost> costs,
                        const Scores &scores, std::span<const StepProfile> profile,
                        const std::optional<PredictedTime> &predicted,
                        std::optional<double> perSecond) {
  nlohmann::ordered_json document;
  document["schema"] = "gfs-inference-1";
  document["plan"] = plan::hex(plan.hash);
  document["model"] = plan.plan.model();
  document["requests"] = costs.size();
  document["total_ms"] = json(over(costs, [](const RequestCost &cost) { return cost.totalMs; }));
  document["deal_ms"] = json(over(costs, [](const RequestCost &cost) { return cost.dealMs; }));
  if (perSecond)
    document["inferences_per_s"] = *perSecond;
  if (predicted)
    document["predicted"] = {{"online_ms", predicted->onlineMs}, {"for", predicted->conditions}};
  for (size_t party : {0, 1}) {
    auto of = [&](auto get) {
      return over(costs,
                  [get, party](const RequestCost &cost) { return get(cost.servers[party]); });
    };
    nlohmann::ordered_json server;
    server["online_ms"] = json(of([](const Stats &stats) { return stats.online_ms(); }));
    server["wait_ms"] = json(of([](const Stats &stats) { return stats.wait_ms(); }));
    server["prepare_ms"] = json(of([](const Stats &stats) { return stats.prepare_ms(); }));
    server["queue_ms"] = json(of([](const Stats &stats) { return stats.queue_ms(); }));
    if (!costs.empty()) {
      const Stats &last = costs.back().servers[party];
      server["exchanges"] = last.exchanges();
      server["bytes_sent"] = last.payload_sent();
      server["bytes_received"] = last.payload_received();
      server["dealt_bytes"] = last.dealt_bytes();
      server["material_left"] = last.material_left();
    }
    document["servers"].push_back(server);
  }
  document["client_bytes"] = costs.empty() ? 0 : costs.back().clientBytes;
  for (const StepProfile &step : profile)
    document["steps"].push_back({{"step", step.step},
                                 {"name", step.name},
                                 {"gate", step.gate},
                                 {"online_ms", step.onlineMs},
                                 {"transfer_ms", step.transferMs},
                                 {"wait_ms", step.waitMs},
                                 {"predicted_ms", step.predictedMs},
                                 {"prepare_ms", step.prepareMs},
                                 {"exchanges", step.exchanges},
                                 {"bytes", step.bytes},
                                 {"dealt_bytes", step.dealtBytes}});
  if (scores.accuracy)
    document["accuracy"] = *scores.accuracy;
  if (scores.agreement) {
    document["agreement"] = *scores.agreement;
    document["max_difference"] = *scores.maxDifference;
  }
  return document.dump(2) + "\n";
}

std::string profileText(std::span<const StepProfile> profile) {
  StepProfile sum;
  sum.gate = "sum";
  for (const StepProfile &step : profile) {
    sum.onlineMs += step.onlineMs;
    sum.predictedMs += step.predictedMs;
    sum.transferMs += step.transferMs;
    sum.waitMs += step.waitMs;
    sum.prepareMs += step.prepareMs;
    sum.exchanges += step.exchanges;
    sum.bytes += step.bytes;
    sum.dealtBytes += step.dealtBytes;
  }
  const bool copies = sum.transferMs > 0; // with a GPU
  std::string text =
      fmt::format("{:>5}  {:<12} {:>10} {:>10}{} {:>9} {:>10} {:>5} {:>10} {:>10}  {}\n", "step",
                  "gate", "online ms", "predicted", copies ? "   copy ms" : "", "wait ms",
                  "prepare ms", "exch.", "bytes", "dealt", "name");
  auto line = [&](const std::string &number, const StepProfile &step) {
    text += fmt::format(
        "{:>5}  {:<12} {:>10.3f} {:>10.3f}{} {:>9.3f} {:>10.3f} {:>5} {:>10} {:>10}  {}\n", number,
        step.gate, step.onlineMs, step.predictedMs,
        copies ? fmt::format(" {:>9.3f}", step.transferMs) : "", step.waitMs, step.prepareMs,
        step.exchanges, bytesText(double(step.bytes)), bytesText(double(step.dealtBytes)),
        step.name);
  };
  for (const StepProfile &step : profile)
    line(std::to_string(step.step), step);
  line("", sum);
  return text + "(exchanges of independent steps travel together: the schedule has fewer)\n";
}

} // namespace gfs::serve
