// SPDX-License-Identifier: Apache-2.0
// PartyExecutor where the whole pass runs on a GPU. Launches of a stage are replayed as one, so
// times are measured by stage and divided equally among its phases, unless somebody asked for more.
#include "runtime/base/Clock.h"
#include "runtime/base/Error.h"
#include "runtime/exec/DeviceExecutor.h"
#include "runtime/exec/PartyExecutor.h"

#include <algorithm>
#include <numeric>

namespace gfs {

namespace {

/// Divides `seconds` equally among the phases of a stage for which `counts` holds.
template <class Counts>
void divide(const ProgramStage &stage, double seconds, std::vector<double> &byStep,
            Counts &&counts) {
  const auto phases = std::ranges::count_if(stage.phases, counts);
  for (const ProgramPhase &phase : stage.phases)
    if (counts(phase))
      byStep[phase.step] += seconds / static_cast<double>(phases);
}

} // namespace

void PartyExecutor::prepareOnDevice(std::span<Prepared *const> requests) const {
  std::vector<Prepared *> left;
  std::ranges::copy_if(requests, std::back_inserter(left),
                       [](const Prepared *prepared) { return !prepared->complete(); });
  const size_t most = device->mostTogether();
  for (size_t first = 0; first < left.size(); first += most) {
    const std::span group = std::span(left).subspan(first, std::min(most, left.size() - first));
    const double start = secondsNow();
    std::vector<DeviceExecutor::Unprepared> unprepared;
    for (Prepared *prepared : group)
      unprepared.push_back({&*prepared->key, [prepared](uint32_t step) -> std::span<const uint8_t> {
                              return prepared->material[step];
                            }});
    std::vector<DevicePrepared> made = device->prepare(unprepared);
    const double each = (secondsNow() - start) / static_cast<double>(group.size());
    for (size_t i = 0; i < group.size(); ++i) {
      Prepared &prepared = *group[i];
      prepared.onDevice = std::make_shared<DevicePrepared>(std::move(made[i]));
      prepared.deviceBytes = prepared.onDevice->memory().size();
      for (; !prepared.complete(); ++prepared.done)
        prepared.release(prepared.done); // the GPU has it
      prepared.seconds.assign(code->steps(), each / std::max(1u, code->steps()));
    }
  }
}

std::vector<RunResult> PartyExecutor::runOnDevice(std::span<GroupMember> members,
                                                  Channel &channel) const {
  const double begun = secondsNow();
  std::vector<DeviceMember> group;
  std::vector<Prepared *> requests;
  for (GroupMember &member : members) {
    requireRunnable(member);
    requests.push_back(&member.prepared);
  }
  prepareOnDevice(requests);
  for (GroupMember &member : members) {
    group.push_back({member.prepared.onDevice.get(), commonKey(*member.common, member.prepared.id),
                     member.inputs});
  }
  const double start = secondsNow();
  const ChannelCounters before = channel.counters();
  DeviceRun run = device->run(group, channel, timesSteps);

  RunReport report;
  report.evaluateSeconds.resize(code->steps());
  report.waitSeconds.resize(code->steps());
  report.transferSeconds.resize(code->steps());
  if (timesSteps) {
    report.evaluateSeconds = std::move(run.computeSeconds);
    report.transferSeconds = std::move(run.transferSeconds);
  } else {
    for (size_t stage = 0; stage < run.stageSeconds.size(); ++stage)
      divide(code->stages()[stage], run.stageSeconds[stage], report.evaluateSeconds,
             [](const ProgramPhase &) { return true; });
  }
  for (std::vector<double> *ofGroup : {&report.evaluateSeconds, &report.transferSeconds})
    for (double &seconds : *ofGroup)
      seconds /= static_cast<double>(members.size());
  for (size_t stage = 0; stage < run.exchangeSeconds.size(); ++stage)
    divide(code->stages()[stage], run.exchangeSeconds[stage], report.waitSeconds,
           [](const ProgramPhase &phase) { return phase.outgoing.bytes > 0; });
  report.exchangeSeconds =
      std::accumulate(run.exchangeSeconds.begin(), run.exchangeSeconds.end(), 0.0);
  report.exchanges = channel.counters().exchanges - before.exchanges;
  report.bytesSent = (channel.counters().payloadSent - before.payloadSent) / members.size();
  report.bytesReceived =
      (channel.counters().payloadReceived - before.payloadReceived) / members.size();
  report.lateSeconds = start - begun;
  report.totalSeconds = secondsNow() - start;
  std::vector<RunResult> results;
  for (size_t i = 0; i < members.size(); ++i) {
    Prepared &prepared = members[i].prepared;
    prepared.onDevice->recycle();
    report.prepareSeconds = std::move(prepared.seconds);
    results.push_back({std::move(run.outputs[i]), report, {}});
  }
  return results;
}

} // namespace gfs
