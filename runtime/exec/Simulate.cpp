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
      party1(code, std::move(weights), seed1, Party::One, kernels, threads),
      materialId(plan::randomId()) {}

SimulationResult Simulator::run(std::span<const ClearWords> inputs) {
  using Clock = std::chrono::steady_clock;
  auto secondsSince = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  SimulationResult result;
  const uint64_t serial = nextSerial++;
  const std::array<const PartyExecutor *, 2> parties = {&party0, &party1};

  std::array<SecretVector<uint8_t>, 2> records;
  for (Party party : {Party::Zero, Party::One})
    records[index(party)].resize(code->recordBytes(party));
  auto start = Clock::now();
  dealer.deal(materialId, serial, records[0], records[1]);
  result.dealSeconds = secondsSince(start);

  std::vector<Prepared> prepared;
  for (size_t i = 0; i < 2; ++i) {
    start = Clock::now();
    prepared.push_back(parties[i]->prepare(materialId, serial, records[i]));
    result.prepareSeconds[i] = secondsSince(start);
    dispose(records[i]);
  }
  result.request = prepared[0].request();

  std::array<std::vector<SecretVector<uint8_t>>, 2> shares;
  for (const ClearWords &input : inputs) {
    auto both = shareInput(code->ring(), input);
    for (size_t i = 0; i < 2; ++i)
      shares[i].push_back(std::move(both[i]));
  }
  const SecretSeed common = SecretSeed::random();
  auto ends = makeInMemoryChannel();
  // Each side drops its end when it leaves, whether with a result or an error: the other then fails
  // instead of waiting.
  auto runParty = [&](size_t i, std::unique_ptr<Channel> &theirEnd) {
    std::unique_ptr<Channel> end = std::move(theirEnd), slow;
    if (network)
      slow = makeThrottledChannel(*end, *network);
    return parties[i]->run(std::move(prepared[i]), slow ? *slow : *end, common, shares[i]);
  };
  std::future<RunResult> other =
      std::async(std::launch::async, [&] { return runParty(1, ends.second); });
  RunResult mine = runParty(0, ends.first), theirs = other.get();

  const plan::Plan &plan = code->plan();
  for (size_t port = 0; port < mine.outputs.size(); ++port)
    result.outputs.push_back(
        joinOutput(code->ring(), code->valueElements(plan.outputs(static_cast<int>(port)).value()),
                   mine.outputs[port], theirs.outputs[port]));
  result.reports = {std::move(mine.report), std::move(theirs.report)};
  return result;
}

} // namespace gfs
