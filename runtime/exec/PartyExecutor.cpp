// SPDX-License-Identifier: Apache-2.0
// A server's walk over the schedule. That over the steps before the input is in Prepare.cpp.
#include "runtime/exec/PartyExecutor.h"

#include "runtime/base/BlockPool.h"
#include "runtime/base/Clock.h"
#include "runtime/base/Error.h"
#include "runtime/exec/DeviceExecutor.h"
#include "runtime/exec/EvaluateView.h"
#include "runtime/exec/ExchangeFlow.h"
#include "runtime/kernels/GpuHostArrays.h"

#include <algorithm>
#include <atomic>
#include <deque>

namespace gfs {

PartyExecutor::PartyExecutor(ProgramRef program, MaskedWeights maskedWeights,
                             const SecretSeed &seed, Party party, const Kernels &kernels,
                             unsigned threads)
    : code(std::move(program)),
      weights(serverWeights(code->plan(), std::move(maskedWeights), seed, party)),
      seed(seed.clone()), self(party), kernels(&kernels),
      pool(std::make_unique<ThreadPool>(threads)) {
  weights.masked.pack(*code, kernels);
  weights.share.pack(*code, kernels);
  if (gpu::onGpu(kernels))
    device = DeviceExecutor::make(code, weights, party);
  BlockPool::shared().trim(); // requests need other sizes
}

RunResult PartyExecutor::run(Prepared prepared, Channel &channel, const SecretSeed &common,
                             std::span<const SecretVector<uint8_t>> inputs) const {
  std::vector<GroupMember> only;
  only.push_back({std::move(prepared), &common, inputs});
  return std::move(runGroup(std::move(only), channel).front());
}

void PartyExecutor::requireRunnable(const GroupMember &member) const {
  const plan::Plan &plan = code->plan();
  const RequestId &id = member.prepared.id;
  check(id.planHash == code->loaded().hash && id.modelId == weights.modelId,
        "prepared for another plan");
  check(member.prepared.key.has_value(), "running a request that was not begun");
  if (member.inputs.size() != static_cast<size_t>(plan.inputs_size()))
    throw Error(ExitCode::InvalidInput,
                fmt::format("expects {} inputs, got {}", plan.inputs_size(), member.inputs.size()),
                "check that client and servers use the same plan");
  for (int port = 0; port < plan.inputs_size(); ++port) {
    uint64_t expected =
        packedBytes(code->valueElements(plan.inputs(port).value()), plan.ring_bits());
    uint64_t found = member.inputs[static_cast<size_t>(port)].size();
    if (found != expected)
      throw Error(ExitCode::InvalidInput,
                  fmt::format("input {}: expects a share of {} bytes, got {}",
                              plan.inputs(port).name(), expected, found),
                  "check that client and servers use the same plan");
  }
}

namespace {

/// The messages of one chain of one member.
class ChainFlow final : public MessageFlow {
public:
  ChainFlow(ExchangeFlow &flow, const ProgramChain &chain, size_t member)
      : flow(flow), chain(chain), member(member) {}
  void await(size_t link, uint64_t units) override { flow.await(chain.first + link, units); }
  void done(size_t link, uint64_t units) override { flow.done(member, chain.first + link, units); }

private:
  ExchangeFlow &flow;
  const ProgramChain &chain;
  size_t member;
};

/// That of a chain whose member others tell of.
class SilentFlow final : public MessageFlow {
public:
  void await(size_t, uint64_t) override {}
  void done(size_t, uint64_t) override {}
};

/// So many members do a chain before any of them does the next: as many as have room in the second
/// cache for what the stage's steps write, which the next chain reads. Weights are read once for
/// all of these.
size_t membersTogether(const Program &program, const ProgramStage &stage) {
  static constexpr uint64_t cachedBytes = uint64_t(512) << 10;
  uint64_t bytes = 1;
  for (const ProgramPhase &phase : stage.phases) {
    bytes += phase.incoming.bytes + phase.outgoing.bytes;
    if (program.hasResult(phase.step))
      bytes += program.valueBytes(program.step(phase.step).result());
  }
  return std::max<uint64_t>(1, cachedBytes / bytes);
}

/// Divides the time of an exchange among the steps that send in it.
void addToSenders(const ProgramStage &stage, double seconds, std::vector<double> &byStep) {
  auto sends = [](const ProgramPhase &phase) { return phase.outgoing.bytes > 0; };
  const auto senders = std::ranges::count_if(stage.phases, sends);
  for (const ProgramPhase &phase : stage.phases)
    if (sends(phase))
      byStep[phase.step] += seconds / static_cast<double>(senders);
}

} // namespace

std::vector<RunResult> PartyExecutor::runGroup(std::vector<GroupMember> members,
                                               Channel &channel) const {
  check(!members.empty(), "running an empty group");
  if (device)
    return runOnDevice(members, channel);
  const double start = secondsNow();
  MessageRooms rooms(*code, members.size());
  std::vector<OnlineState> servers;
  std::vector<RunResult> results(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    requireRunnable(members[i]);
    const Prepared &prepared = members[i].prepared;
    OnlineState &server = servers.emplace_back(
        OnlineState{*code,
                    weights,
                    *kernels,
                    self,
                    *prepared.key,
                    commonKey(*members[i].common, prepared.id),
                    SecretVector<std::byte>(code->plan().arena_words() * code->ring().wordBytes()),
                    members[i].inputs,
                    rooms,
                    i,
                    {}});
    for (const plan::Port &port : code->plan().outputs())
      server.outputs.emplace_back(
          packedBytes(code->valueElements(port.value()), code->ring().bits));
    results[i].report.evaluateSeconds.resize(code->steps());
    results[i].report.waitSeconds.resize(code->steps());
    results[i].report.transferSeconds.resize(code->steps());
  }

  const ChannelCounters before = channel.counters();
  ExchangeFlow flow(*code, channel, rooms.sent, rooms.received, members.size());
  // Members on threads of their own meet once for many of them; threads within a chain meet for
  // every range.
  const bool byMember =
      members.size() > 1 && members.size() >= pool->threads() && kernels->dividesConvolutions;
  const uint64_t parts = byMember ? pool->threads() : 1;
  ThreadPool alone(1);
  const Division division{byMember ? alone : *pool, kernels->dividesConvolutions};
  std::atomic<double> lateSeconds = 0;
  auto evaluate = [&](size_t i, const ProgramStage &stage, const ProgramChain &chain) {
    Prepared &prepared = members[i].prepared;
    const auto phases = std::span(stage.phases).subspan(chain.first, chain.count);
    const double late = secondsNow();
    for (const ProgramPhase &phase : phases)
      while (prepared.next() <= phase.step)
        prepareNext(prepared, byMember);
    lateSeconds += (secondsNow() - late) / static_cast<double>(parts);
    std::deque<EvaluateView> views;
    std::vector<ChainLink> links;
    for (const ProgramPhase &phase : phases) {
      views.emplace_back(servers[i], phase, prepared.material[phase.step],
                         prepared.storage[phase.step]);
      links.push_back({code->gate(phase.step), phase.phase, views.back(), code->cost(phase.step),
                       results[i].report.evaluateSeconds[phase.step]});
    }
    SilentFlow silent;
    ChainFlow telling(flow, chain, i);
    evaluateChain(links, division, byMember ? static_cast<MessageFlow &>(silent) : telling);
    for (const ProgramPhase &phase : phases)
      if (phase.phase + 1 == code->cost(phase.step).phases())
        prepared.release(phase.step);
  };
  const std::vector<ProgramStage> &stages = code->stages();
  for (size_t index = 0; index < stages.size(); ++index) {
    const ProgramStage &stage = stages[index];
    auto evaluateAll = [&](Range some) {
      for (const ProgramChain &chain : stage.chains)
        for (uint64_t i = some.first; i < some.end; ++i)
          evaluate(i, stage, chain);
    };
    flow.enter(index);
    const uint64_t together = membersTogether(*code, stage) * parts;
    for (uint64_t first = 0; first < members.size(); first += together) {
      const Range block{first, std::min<uint64_t>(first + together, members.size())};
      if (!byMember) {
        evaluateAll(block);
        continue;
      }
      divide(block, *pool, evaluateAll);
      for (uint64_t i = block.first; i < block.end; ++i)
        flow.done(i);
    }
    flow.leave();
  }
  double exchangeSeconds = 0;
  for (size_t index = 0; index < stages.size(); ++index) {
    exchangeSeconds += flow.seconds()[index];
    for (RunResult &result : results)
      addToSenders(stages[index], flow.seconds()[index], result.report.waitSeconds);
  }

  const double total = secondsNow() - start - lateSeconds;
  for (size_t i = 0; i < members.size(); ++i) {
    results[i].outputs = std::move(servers[i].outputs);
    RunReport &report = results[i].report;
    report.prepareSeconds = std::move(members[i].prepared.seconds);
    // Counted by the channel, so that the cost model can be held against it.
    report.exchanges = channel.counters().exchanges - before.exchanges;
    report.bytesSent = (channel.counters().payloadSent - before.payloadSent) / members.size();
    report.bytesReceived =
        (channel.counters().payloadReceived - before.payloadReceived) / members.size();
    report.exchangeSeconds = exchangeSeconds;
    report.lateSeconds = lateSeconds;
    report.totalSeconds = total;
  }
  return results;
}

} // namespace gfs
