// SPDX-License-Identifier: Apache-2.0
// Two threads, one in-memory channel.
#include "runtime/exec/Simulate.h"

#include "runtime/base/Clock.h"
#include "runtime/exec/ClientShares.h"
#include "runtime/net/ThrottledChannel.h"

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

namespace {

/// Input shares of a server, by inference and port.
using InputShares = std::vector<std::vector<SecretVector<uint8_t>>>;

std::array<InputShares, 2> shareInputs(Ring ring, std::span<const std::vector<ClearWords>> group) {
  std::array<InputShares, 2> shares;
  for (const std::vector<ClearWords> &inputs : group) {
    for (InputShares &ofServer : shares)
      ofServer.emplace_back();
    for (const ClearWords &input : inputs) {
      auto both = shareInput(ring, input);
      for (size_t i = 0; i < 2; ++i)
        shares[i].back().push_back(std::move(both[i]));
    }
  }
  return shares;
}

} // namespace

std::array<Simulator::Records, 2> Simulator::deal(uint64_t firstSerial, size_t count) {
  std::array<Records, 2> records;
  std::vector<RecordPair> pairs(count);
  for (Party party : {Party::Zero, Party::One})
    for (RecordPair &pair : pairs)
      pair[index(party)] = records[index(party)].emplace_back(code->recordBytes(party));
  dealer.deal(materialId, firstSerial, pairs, helpers);
  return records;
}

std::vector<GroupMember> Simulator::prepare(const PartyExecutor &party, uint64_t firstSerial,
                                            Records records) const {
  std::vector<GroupMember> members;
  for (size_t m = 0; m < records.size(); ++m) {
    const uint64_t serial = firstSerial + m;
    members.push_back(
        {party.begin(materialId, serial, party.split(serial, records[m])), nullptr, {}});
    dispose(records[m]);
  }
  std::vector<Prepared *> requests;
  for (GroupMember &member : members)
    requests.push_back(&member.prepared);
  party.prepareAll(requests);
  return members;
}

std::array<std::vector<RunResult>, 2>
Simulator::runBoth(std::array<std::vector<GroupMember>, 2> servers) const {
  auto ends = makeInMemoryChannel();
  // Each side drops its end when it leaves, whether with a result or an error: the other then fails
  // instead of waiting.
  auto runParty = [&](const PartyExecutor &party, std::unique_ptr<Channel> &theirEnd) {
    std::unique_ptr<Channel> end = std::move(theirEnd), slow;
    if (network)
      slow = makeThrottledChannel(*end, *network);
    return party.runGroup(std::move(servers[index(party.party())]), slow ? *slow : *end);
  };
  std::future<std::vector<RunResult>> other =
      std::async(std::launch::async, [&] { return runParty(party1, ends.second); });
  std::vector<RunResult> mine = runParty(party0, ends.first);
  return {std::move(mine), other.get()};
}

std::vector<SimulationResult> Simulator::runGroup(std::span<const std::vector<ClearWords>> group) {
  const size_t members = group.size();
  auto secondsEach = [&](double start) {
    return (secondsNow() - start) / static_cast<double>(members);
  };
  std::vector<SimulationResult> results(members);
  const uint64_t firstSerial = nextSerial;
  nextSerial += members;

  double start = secondsNow();
  std::array<Records, 2> records = deal(firstSerial, members);
  const double dealSeconds = secondsEach(start);

  const std::array<InputShares, 2> shares = shareInputs(code->ring(), group);
  std::vector<SecretSeed> common;
  for (size_t m = 0; m < members; ++m)
    common.push_back(SecretSeed::random());
  std::array<std::vector<GroupMember>, 2> servers;
  for (size_t i = 0; i < 2; ++i) {
    start = secondsNow();
    servers[i] = prepare(i == 0 ? party0 : party1, firstSerial, std::move(records[i]));
    const double prepareSeconds = secondsEach(start);
    for (size_t m = 0; m < members; ++m) {
      servers[i][m].common = &common[m];
      servers[i][m].inputs = shares[i][m];
      results[m].prepareSeconds[i] = prepareSeconds;
    }
  }
  for (size_t m = 0; m < members; ++m) {
    results[m].dealSeconds = dealSeconds;
    results[m].request = servers[0][m].prepared.request();
  }

  std::array<std::vector<RunResult>, 2> runs = runBoth(std::move(servers));
  const plan::Plan &plan = code->plan();
  for (size_t m = 0; m < members; ++m) {
    for (size_t port = 0; port < runs[0][m].outputs.size(); ++port)
      results[m].outputs.push_back(joinOutput(
          code->ring(), code->valueElements(plan.outputs(static_cast<int>(port)).value()),
          runs[0][m].outputs[port], runs[1][m].outputs[port]));
    results[m].reports = {std::move(runs[0][m].report), std::move(runs[1][m].report)};
  }
  return results;
}

} // namespace gfs
