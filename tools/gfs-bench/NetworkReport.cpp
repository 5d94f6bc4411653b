// SPDX-License-Identifier: Apache-2.0
#include "tools/gfs-bench/NetworkReport.h"

#include "runtime/base/Error.h"
#include "runtime/inspect/PlanSummary.h"
#include "runtime/kernels/Kernels.h"
#include "tools/gfs-bench/Calibrate.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

namespace gfs {

using serve::bytesText;

static const char *nameOf(Transport transport) {
  return transportNames[static_cast<size_t>(transport)];
}

static double load() {
  double average = 0;
  return getloadavg(&average, 1) == 1 ? average : 0;
}

std::string benchmarkHeader(const NetworkOptions &options) {
  return fmt::format("{}, {} processors, load {:.1f}, {} kernels; {} warm-up and {} measured "
                     "inferences, each with fresh material{}\n",
                     cpuName(), std::thread::hardware_concurrency(), load(), bestKernels().name,
                     options.warmUp, options.inferences,
                     options.together == 1
                         ? std::string()
                         : fmt::format("; {} of them together in a pass", options.together));
}

template <class Get> static serve::Percentiles over(const TransportResult &run, Get get) {
  std::vector<double> values;
  for (const serve::RequestCost &cost : run.costs)
    values.push_back(get(cost));
  return serve::percentiles(std::move(values));
}

static double prepareMs(const TransportResult &run) {
  return over(run,
              [](const serve::RequestCost &cost) {
                return std::max(cost.servers[0].prepare_ms(), cost.servers[1].prepare_ms());
              })
      .p50;
}

static double waitMs(const TransportResult &run) {
  return over(run,
              [](const serve::RequestCost &cost) {
                return std::min(cost.servers[0].wait_ms(), cost.servers[1].wait_ms());
              })
      .p50;
}

static std::string planLine(const NetworkResult &result) {
  const PlanCost cost = planCost(*result.program);
  return fmt::format("{}: ring of {} bits, {} multiplications, {} ReLUs, {} exchanges, {} each "
                     "way, dealt {} + {}\n",
                     result.name, result.program->ring().bits,
                     inspect::grouped(cost.multiplications), inspect::grouped(result.relus),
                     cost.exchanges, bytesText(double(cost.messageBytes)),
                     bytesText(double(cost.dealtBytes[0])), bytesText(double(cost.dealtBytes[1])));
}

/// Of a pass, divided among its inferences.
static double onlineEach(const TransportResult &run, const NetworkResult &result) {
  return run.online().p50 / result.together;
}

static std::string runLines(const TransportResult &run, const NetworkResult &result) {
  const serve::Percentiles online = run.online();
  const double client = over(run, [](const serve::RequestCost &cost) { return cost.totalMs; }).p50;
  std::string text = fmt::format(
      "  {:<8}{:>9.2f}{:>9.2f}{:>9.2f}{:>9.2f}{:>11.2f}{:>9.2f}{:>10.2f}{:>9.2f}",
      nameOf(run.transport), online.p50, online.p90, online.p99, waitMs(run),
      run.predictedMs.value_or(onlineEach(run, result)), prepareMs(run), client, run.perSecond);
  if (result.plaintext)
    text += fmt::format("{:>9.2f}x", onlineEach(run, result) / result.plaintext->ms.p50);
  return text + '\n';
}

static std::string offlineLine(const TransportResult &run) {
  if (!run.dealt) {
    double deal = over(run, [](const serve::RequestCost &cost) { return cost.dealMs; }).p50;
    return fmt::format("  {:<8}dealing {:.1f} ms an inference, loading both servers {:.0f} ms\n",
                       nameOf(run.transport), deal, run.loadMs[0]);
  }
  const serve::DealSummary &dealt = *run.dealt;
  const double bytes = double(dealt.recordBytes[0] + dealt.recordBytes[1]) * double(dealt.dealt);
  return fmt::format("  {:<8}dealing to files {:.1f} ms an inference ({}/s, one thread), loading "
                     "{:.0f} and {:.0f} ms, peak memory {} and {}\n",
                     nameOf(run.transport), 1e3 * dealt.seconds / double(dealt.dealt),
                     bytesText(bytes / dealt.seconds), run.loadMs[0], run.loadMs[1],
                     bytesText(double(run.peakBytes[0])), bytesText(double(run.peakBytes[1])));
}

std::string networkText(const NetworkResult &result, bool layers) {
  std::string text = planLine(result);
  if (!result.device.empty() && !result.device.starts_with("cpu"))
    text += fmt::format("  {}\n", result.device);
  if (result.compileSeconds)
    text += fmt::format("  compiled in {:.1f} s\n", *result.compileSeconds);
  text += fmt::format("  {:<8}{:>9}{:>9}{:>9}{:>9}{:>11}{:>9}{:>10}{:>9}", "ms", "online", "p90",
                      "p99", "waiting", result.together == 1 ? "predicted" : "each", "prepare",
                      "client", "per s");
  text += result.plaintext ? "  plaintext\n" : "\n";
  for (const TransportResult &run : result.runs)
    text += runLines(run, result);
  for (const TransportResult &run : result.runs)
    text += offlineLine(run);
  if (result.plaintext) {
    text +=
        fmt::format("  plaintext, ONNX Runtime {}, one thread: {:.2f} ms, p90 {:.2f}, p99 {:.2f}\n",
                    result.plaintext->version, result.plaintext->ms.p50, result.plaintext->ms.p90,
                    result.plaintext->ms.p99);
    for (const TransportResult &run : result.runs)
      text += fmt::format(
          "  {:<8}same largest output in {:.1f} % of {} rows, largest difference {:.4g}\n",
          nameOf(run.transport), 100 * *run.scores.agreement, run.scores.rows,
          *run.scores.maxDifference);
  }
  if (layers && !result.profile.empty())
    text += serve::profileText(result.profile);
  return text;
}

static nlohmann::ordered_json json(const serve::Percentiles &values) {
  return {{"p50", values.p50}, {"p90", values.p90}, {"p99", values.p99}, {"mean", values.mean}};
}

static nlohmann::ordered_json json(const TransportResult &run, const NetworkResult &result) {
  const bool local = run.transport == Transport::Memory;
  nlohmann::ordered_json document = nlohmann::ordered_json::parse(
      serve::summaryJson(result.program->loaded(), run.costs, run.scores,
                         local ? std::span<const serve::StepProfile>(result.profile)
                               : std::span<const serve::StepProfile>()));
  document["transport"] = nameOf(run.transport);
  document["online_ms"] = json(run.online());
  if (run.predictedMs)
    document["predicted_ms"] = *run.predictedMs;
  document["online_ms_each"] = onlineEach(run, result);
  document["inferences_per_s"] = run.perSecond;
  document["load_ms"] = run.loadMs;
  if (!local)
    document["peak_bytes"] = run.peakBytes;
  if (run.dealt) {
    const double records = double(run.dealt->dealt);
    document["deal_to_files"] = {
        {"ms", 1e3 * run.dealt->seconds / records},
        {"bytes_per_s", double(run.dealt->recordBytes[0] + run.dealt->recordBytes[1]) * records /
                            run.dealt->seconds}};
  }
  if (result.plaintext)
    document["times_plaintext"] = onlineEach(run, result) / result.plaintext->ms.p50;
  return document;
}

static nlohmann::ordered_json json(const NetworkResult &result) {
  const PlanCost cost = planCost(*result.program);
  nlohmann::ordered_json document = {{"name", result.name},
                                     {"plan", plan::hex(result.program->loaded().hash)},
                                     {"ring_bits", result.program->ring().bits},
                                     {"multiplications", cost.multiplications},
                                     {"relus", result.relus},
                                     {"exchanges", cost.exchanges},
                                     {"bytes_each_way", cost.messageBytes},
                                     {"dealt_bytes", cost.dealtBytes}};
  if (result.compileSeconds)
    document["compile_s"] = *result.compileSeconds;
  if (result.plaintext)
    document["plaintext"] = {{"onnxruntime", result.plaintext->version},
                             {"threads", 1},
                             {"ms", json(result.plaintext->ms)}};
  for (const TransportResult &run : result.runs)
    document["runs"].push_back(json(run, result));
  return document;
}

std::string networksJson(std::span<const NetworkResult> results, const NetworkOptions &options) {
  nlohmann::ordered_json document;
  document["schema"] = "gfs-benchmark-1";
  document["machine"] = {{"cpu", cpuName()},
                         {"processors", std::thread::hardware_concurrency()},
                         {"kernels", bestKernels().name},
                         {"load", load()}};
  document["warm_up"] = options.warmUp;
  document["inferences"] = options.inferences;
  document["together"] = options.together;
  document["pause_ms"] = options.pauseMs;
  document["spin_us"] = options.spinUs;
  document["device"] = options.device;
  if (!options.throttle.empty())
    document["throttle"] = options.throttle;
  document["networks"] = nlohmann::ordered_json::array();
  for (const NetworkResult &result : results)
    document["networks"].push_back(json(result));
  return document.dump(2) + "\n";
}

} // namespace gfs
