// SPDX-License-Identifier: Apache-2.0
// A server's walk over the schedule with one group, on the CPU.
#include "runtime/base/Clock.h"
#include "runtime/base/Error.h"
#include "runtime/exec/EvaluateView.h"
#include "runtime/exec/ExchangeFlow.h"
#include "runtime/exec/PartyExecutor.h"

#include <algorithm>
#include <atomic>
#include <deque>

namespace gfs {

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

class PartyExecutor::GroupRun {
public:
  /// Members are runnable.
  GroupRun(const PartyExecutor &executor, std::vector<GroupMember> group, Channel &channel)
      : executor(executor), program(*executor.code), members(std::move(group)), channel(channel),
        before(channel.counters()), rooms(program, members.size()), results(members.size()),
        flow(program, channel, rooms.sent, rooms.received, members.size()),
        byMember(members.size() > 1 && members.size() >= executor.pool->threads() &&
                 executor.kernels->dividesConvolutions),
        parts(byMember ? executor.pool->threads() : 1),
        division{byMember ? alone : *executor.pool, executor.kernels->dividesConvolutions} {
    for (size_t i = 0; i < members.size(); ++i) {
      preparedLate.push_back(!members[i].prepared.complete());
      addServer(i);
    }
  }

  std::vector<RunResult> run() {
    for (size_t index = 0; index < program.stages().size(); ++index) {
      flow.enter(index);
      runStage(program.stages()[index]);
      flow.leave();
    }
    report();
    return std::move(results);
  }

private:
  /// What one member has of its own.
  void addServer(size_t i) {
    OnlineState &server = servers.emplace_back(OnlineState{
        program,
        executor.weights,
        *executor.kernels,
        executor.self,
        *members[i].prepared.key,
        commonKey(*members[i].common, members[i].prepared.id),
        SecretVector<std::byte>(program.plan().arena_words() * program.ring().wordBytes()),
        members[i].inputs,
        rooms,
        i,
        {}});
    for (const plan::Port &port : program.plan().outputs())
      server.outputs.emplace_back(
          packedBytes(program.valueElements(port.value()), program.ring().bits));
    results[i].report.evaluateSeconds.resize(program.steps());
    results[i].report.waitSeconds.resize(program.steps());
    results[i].report.transferSeconds.resize(program.steps());
  }

  void runStage(const ProgramStage &stage) {
    auto evaluateAll = [&](Range some) {
      for (const ProgramChain &chain : stage.chains)
        for (uint64_t i = some.first; i < some.end; ++i)
          evaluate(i, stage, chain);
    };
    const uint64_t together = membersTogether(program, stage) * parts;
    for (uint64_t first = 0; first < members.size(); first += together) {
      const Range block{first, std::min<uint64_t>(first + together, members.size())};
      if (!byMember) {
        evaluateAll(block);
        continue;
      }
      divide(block, *executor.pool, evaluateAll);
      for (uint64_t i = block.first; i < block.end; ++i)
        flow.done(i);
    }
  }

  /// One chain of one member.
  void evaluate(size_t i, const ProgramStage &stage, const ProgramChain &chain) {
    Prepared &prepared = members[i].prepared;
    const auto phases = std::span(stage.phases).subspan(chain.first, chain.count);
    const double late = secondsNow();
    for (const ProgramPhase &phase : phases)
      while (prepared.next() <= phase.step)
        executor.prepareNext(prepared, byMember);
    lateSeconds += (secondsNow() - late) / static_cast<double>(parts);
    std::deque<EvaluateView> views;
    std::vector<ChainLink> links;
    for (const ProgramPhase &phase : phases) {
      views.emplace_back(servers[i], phase, prepared.material[phase.step],
                         prepared.storage[phase.step]);
      links.push_back({program.gate(phase.step), phase.phase, views.back(),
                       program.cost(phase.step), results[i].report.evaluateSeconds[phase.step]});
    }
    SilentFlow silent;
    ChainFlow telling(flow, chain, i);
    evaluateChain(links, division, byMember ? static_cast<MessageFlow &>(silent) : telling);
    if (!preparedLate[i]) // wiping can wait, and no memory is gained
      return;
    for (const ProgramPhase &phase : phases)
      if (phase.phase + 1 == program.cost(phase.step).phases())
        prepared.release(phase.step);
  }

  void report() {
    const std::vector<ProgramStage> &stages = program.stages();
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
  }

  const double start = secondsNow();
  const PartyExecutor &executor;
  const Program &program;
  std::vector<GroupMember> members;
  std::vector<bool> preparedLate; ///< By member: steps are prepared one by one as they come.
  Channel &channel;
  const ChannelCounters before;
  MessageRooms rooms;
  std::vector<OnlineState> servers; ///< By member.
  std::vector<RunResult> results;
  ExchangeFlow flow;
  /// Members on threads of their own meet once for many of them; threads within a chain meet for
  /// every range.
  const bool byMember;
  const uint64_t parts; ///< Members at the same time.
  ThreadPool alone{1};
  const Division division;
  std::atomic<double> lateSeconds = 0;
};

std::vector<RunResult> PartyExecutor::runGroup(std::vector<GroupMember> members,
                                               Channel &channel) const {
  check(!members.empty(), "running an empty group");
  if (device)
    return runOnDevice(members, channel);
  for (const GroupMember &member : members)
    requireRunnable(member);
  auto run = std::make_shared<GroupRun>(*this, std::move(members), channel);
  std::vector<RunResult> results = run->run();
  results.front().remains = std::move(run);
  return results;
}

} // namespace gfs
