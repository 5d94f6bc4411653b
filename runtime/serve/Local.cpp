// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Local.h"

#include "runtime/exec/DevicePlan.h"
#include "runtime/exec/Simulate.h"

#include <chrono>

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
  const double runs = static_cast<double>(workload.requests()) * options.repeat;
  for (unsigned i = 0; i < options.warmUp; ++i)
    simulator.run(workload.inputs(i % workload.requests()));
  for (unsigned round = 0; round < options.repeat; ++round)
    for (uint64_t request = 0; request < workload.requests(); ++request) {
      SimulationResult result = simulator.run(workload.inputs(request));
      workload.setOutputs(request, result.outputs);
      RequestCost &cost = report.costs.emplace_back();
      for (Party party : {Party::Zero, Party::One})
        cost.servers[index(party)] =
            statsOf(result.reports[index(party)], result.prepareSeconds[index(party)],
                    program->recordBytes(party));
      cost.totalMs = std::max(cost.servers[0].online_ms(), cost.servers[1].online_ms());
      cost.dealMs = result.dealSeconds * 1e3;
      for (StepProfile &step : report.profile) {
        auto slower = [&](std::vector<double> RunReport::*field) {
          return 1e3 * std::max((result.reports[0].*field)[step.step],
                                (result.reports[1].*field)[step.step]);
        };
        step.onlineMs += slower(&RunReport::evaluateSeconds) / runs;
        step.prepareMs += slower(&RunReport::prepareSeconds) / runs;
        step.transferMs += slower(&RunReport::transferSeconds) / runs;
        // Whoever computes longer waits less.
        step.waitMs += 1e3 / runs *
                       std::min(result.reports[0].waitSeconds[step.step],
                                result.reports[1].waitSeconds[step.step]);
      }
    }
  return report;
}

} // namespace gfs::serve
