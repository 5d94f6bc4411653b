// SPDX-License-Identifier: Apache-2.0
// Both servers in one process, with material dealt on the fly: for tests and for `gfsrun --local`.
// Real protocol, real randomness, no network.
#pragma once

#include "runtime/exec/ClearExecutor.h"
#include "runtime/exec/Dealer.h"
#include "runtime/exec/PartyExecutor.h"
#include "runtime/net/NetworkProfile.h"

#include <optional>

namespace gfs {

/// One inference. Where several ran in one pass, the reports' times are the pass's, and those of
/// dealing and preparing an equal part.
struct SimulationResult {
  std::vector<ClearWords> outputs;  ///< Joined, by port.
  std::array<RunReport, 2> reports; ///< By party.
  double dealSeconds = 0;
  std::array<double, 2> prepareSeconds = {0, 0};
  RequestId request; ///< What a ClearExecutor needs for the same masks.
};

/// Holds the two executors, each with so many threads, and the dealer of one model.
class Simulator {
public:
  Simulator(ProgramRef program, MaskedWeights weights, const SecretSeed &seed0,
            const SecretSeed &seed1, const Kernels &kernels = bestKernels(), unsigned threads = 1);
  /// One inference on clear input words by port, which are shared freshly. Uses a new serial each
  /// time.
  SimulationResult run(std::span<const ClearWords> inputs);
  /// Several in one pass, each with a serial of its own; inputs and results by inference.
  std::vector<SimulationResult> runGroup(std::span<const std::vector<ClearWords>> group);
  /// From now on the parties' messages take as long as on such a network.
  void throttle(NetworkProfile profile) { network = std::move(profile); }
  /// See PartyExecutor::timeSteps().
  void timeSteps(bool timed) {
    party0.timeSteps(timed);
    party1.timeSteps(timed);
  }

private:
  /// A server's records, by inference.
  using Records = std::vector<SecretVector<uint8_t>>;
  std::array<Records, 2> deal(uint64_t firstSerial, size_t count);
  /// Members whose seeds and inputs are still to be set.
  std::vector<GroupMember> prepare(const PartyExecutor &party, uint64_t firstSerial,
                                   Records records) const;
  /// Results by server and member.
  std::array<std::vector<RunResult>, 2>
  runBoth(std::array<std::vector<GroupMember>, 2> servers) const;

  ProgramRef code;
  Dealer dealer;
  PartyExecutor party0, party1;
  ThreadPool helpers; ///< Of the dealer.
  plan::Id16 materialId;
  uint64_t nextSerial = 0;
  std::optional<NetworkProfile> network;
};

} // namespace gfs
