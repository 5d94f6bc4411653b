// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Local.h"

#include "runtime/exec/DevicePlan.h"
#include "runtime/exec/Simulate.h"

#include <chrono>
#include <cmath>

namespace gfs::serve {

static Stats statsOf(const RunReport &report, double prepareSeconds, uint64_t dealtBytes) {
  Stats stats;
  stats.set_prepare_ms(prepareSeconds * 1e3);
  stats.set_online_ms(report.totalSeconds * 1e3);
  stats.set_wait_ms(report.exchangeSeconds * 1e3);
  stats.set_exchanges(report.exchanges);
  stats.set_payload_sent(report.bytesSent);
  stats.set_payload_received(report.bytesReceived);
  stats.set_dealt_bytes(dealtBytes);
  return stats;
}

static std::vector<StepProfile> emptyProfile(const Program &program) {
  std::vector<StepProfile> profile(program.steps());
  for (uint32_t step = 0; step < program.steps(); ++step) {
    const Cost &cost = program.cost(step);
    profile[step].step = step;
    profile[step].name = program.step(step).name();
    profile[step].gate = plan::gateName(program.step(step));
    profile[step].exchanges = cost.messageBytes.size();
    for (uint64_t bytes : cost.messageBytes)
      profile[step].bytes += bytes;
    profile[step].dealtBytes = cost.dealtBytes[0] + cost.dealtBytes[1];
  }
  return profile;
}

/// Adds one pass of `passes` to the averages.
static void addPass(std::vector<StepProfile> &profile, std::span<const SimulationResult> results,
                    double passes) {
  for (StepProfile &step : profile) {
    auto slower = [&](std::vector<double> RunReport::*field) {
      std::array<double, 2> seconds = {0, 0};
      for (const SimulationResult &result : results)
        for (size_t i = 0; i < 2; ++i)
          seconds[i] += (result.reports[i].*field)[step.step];
      return 1e3 * std::max(seconds[0], seconds[1]);
    };
    step.onlineMs += slower(&RunReport::evaluateSeconds) / passes;
    step.prepareMs += slower(&RunReport::prepareSeconds) / passes;
    step.transferMs += slower(&RunReport::transferSeconds) / passes;
    // Whoever computes longer waits less; exchanges are the whole pass's.
    const std::array<RunReport, 2> &pass = results.front().reports;
    step.waitMs +=
        1e3 / passes * std::min(pass[0].waitSeconds[step.step], pass[1].waitSeconds[step.step]);
  }
}

LocalReport runLocally(const plan::LoadedPlan &plan, const std::filesystem::path &weightsPath,
                       const std::filesystem::path &dealerKey, Workload &workload,
                       const LocalOptions &options) {
  const auto start = std::chrono::steady_clock::now();
  plan::DealerKey key = plan::readDealerKey(dealerKey, plan);
  MaskedWeights weights = readMaskedWeights(weightsPath, plan);
  plan::requireModel(key.modelId, weights.modelId, weightsPath);
  ProgramRef program = makeProgram(plan);
  LocalReport report;
  const ComputeDevice device = openDevice(options.device);
  report.device = describeDevice(device, program, DeviceUser::Local);
  Simulator simulator(program, std::move(weights), key.seeds[0], key.seeds[1], *device.kernels,
                      options.threads);
  if (options.throttle)
    simulator.throttle(*options.throttle);
  simulator.timeSteps(options.timeSteps);

  report.loadSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report.profile = emptyProfile(*program);
  report.predicted = predictTime(
      *program, {options.machine, options.throttle.value_or(NetworkProfile()), Transport::Memory});
  for (StepProfile &step : report.profile)
    step.predictedMs = 1e3 * report.predicted.steps[step.step].computeSeconds;
  const uint64_t inferences = workload.requests() * options.repeat;
  const double passes =
      std::ceil(static_cast<double>(inferences) / static_cast<double>(options.together));
  for (unsigned i = 0; i < options.warmUp; ++i)
    simulator.runGroup(workload.groupFrom(i * options.together, options.together));
  for (uint64_t first = 0; first < inferences; first += options.together) {
    if (options.stop.stop_requested())
      throw Error(ExitCode::Failure, "interrupted", "what was under way was finished");
    const std::vector<SimulationResult> results = simulator.runGroup(
        workload.groupFrom(first, std::min(options.together, inferences - first)));
    for (size_t i = 0; i < results.size(); ++i) {
      const SimulationResult &result = results[i];
      workload.setOutputs(first + i, result.outputs);
      RequestCost &cost = report.costs.emplace_back();
      for (Party party : {Party::Zero, Party::One})
        cost.servers[index(party)] =
            statsOf(result.reports[index(party)], result.prepareSeconds[index(party)],
                    program->recordBytes(party));
      cost.totalMs = cost.onlineMs();
      cost.dealMs = result.dealSeconds * 1e3;
    }
    addPass(report.profile, results, passes);
  }
  return report;
}

} // namespace gfs::serve
