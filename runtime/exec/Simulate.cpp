// SPDX-License-Identifier: Apache-2.0
// Two threads, one in-memory channel.
#include "runtime/exec/Simulate.h"

#include "runtime/exec/ClientShares.h"
#include "runtime/net/ThrottledChannel.h"

#include <chrono>
#include <future>

namespace gfs {

Simulator::Simulator(ProgramRef program, MaskedWeights weights, const SecretSeed &seed0,
                     const SecretSeed &seed1, const Kernels &kernels, unsigned threads)
    : code(std::move(program)), dealer(code, seed0, seed1, weights.modelId, &weights, kernels),
      party0(code, weights, seed0, Party::Zero, kernels, threads),
      party1(code, std::move(weights), seed1, Party::One, kernels, threads), helpers(threads),
      materialId(plan::randomId()) {}

SimulationResult Simulator::run(std::span<const ClearWords> inputs) {
  const std::vector<ClearWords> only(inputs.begin(), inputs.end());
  return std::move(runGroup({&only, 1}).front());
}

std::vector<SimulationResult> Simulator::runGroup(std::span<const std::vector<ClearWords>> group) {
  using Clock = std::chrono::steady_clock;
  const size_t members = group.size();
  auto secondsEach = [&](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count() /
           static_cast<double>(members);
  };
  std::vector<SimulationResult> results(members);
  const uint64_t firstSerial = nextSerial;
  nextSerial += members;
  const std::array<const PartyExecutor *, 2> parties = {&party0, &party1};

  std::array<std::vector<SecretVector<uint8_t>>, 2> records;
  std::vector<RecordPair> pairs(members);
  for (Party party : {Party::Zero, Party::One})
    for (size_t m = 0; m < members; ++m) {
      auto &record = records[index(party)].emplace_back(code->recordBytes(party));
      pairs[m][index(party)] = record;
    }
  auto start = Clock::now();
  dealer.deal(materialId, firstSerial, pairs, helpers);
  const double dealSeconds = secondsEach(start);

  std::array<std::vector<GroupMember>, 2> servers;
  std::vector<SecretSeed> common;
  std::array<std::vector<std::vector<SecretVector<uint8_t>>>, 2> shares;
  for (const std::vector<ClearWords> &inputs : group) {
    common.push_back(SecretSeed::random());
    for (auto &ofServer : shares)
      ofServer.emplace_back();
    for (const ClearWords &input : inputs) {
      auto both = shareInput(code->ring(), input);
      for (size_t i = 0; i < 2; ++i)
        shares[i].back().push_back(std::move(both[i]));
    }
  }
  for (size_t i = 0; i < 2; ++i) {
    start = Clock::now();
    std::vector<Prepared *> requests;
    for (size_t m = 0; m < members; ++m) {
      const uint64_t serial = firstSerial + m;
      servers[i].push_back(
          {parties[i]->begin(materialId, serial, parties[i]->split(serial, records[i][m])),
           &common[m], shares[i][m]});
      dispose(records[i][m]);
    }
    for (GroupMember &member : servers[i])
      requests.push_back(&member.prepared);
    parties[i]->prepareAll(requests);
    const double prepareSeconds = secondsEach(start);
    for (SimulationResult &result : results)
      result.prepareSeconds[i] = prepareSeconds;
  }
  for (size_t m = 0; m < members; ++m) {
    results[m].dealSeconds = dealSeconds;
    results[m].request = servers[0][m].prepared.request();
  }

  auto ends = makeInMemoryChannel();
  // Each side drops its end when it leaves, whether with a result or an error: the other then fails
  // instead of waiting.
  auto runParty = [&](size_t i, std::unique_ptr<Channel> &theirEnd) {
    std::unique_ptr<Channel> end = std::move(theirEnd), slow;
    if (network)
      slow = makeThrottledChannel(*end, *network);
    return parties[i]->runGroup(std::move(servers[i]), slow ? *slow : *end);
  };
  std::future<std::vector<RunResult>> other =
      std::async(std::launch::async, [&] { return runParty(1, ends.second); });
  std::vector<RunResult> mine = runParty(0, ends.first), theirs = other.get();

  const plan::Plan &plan = code->plan();
  for (size_t m = 0; m < members; ++m) {
    for (size_t port = 0; port < mine[m].outputs.size(); ++port)
      results[m].outputs.push_back(joinOutput(
          code->ring(), code->valueElements(plan.outputs(static_cast<int>(port)).value()),
          mine[m].outputs[port], theirs[m].outputs[port]));
    results[m].reports = {std::move(mine[m].report), std::move(theirs[m].report)};
  }
  return results;
}

} // namespace gfs
