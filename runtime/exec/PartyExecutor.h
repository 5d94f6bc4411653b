// SPDX-License-Identifier: Apache-2.0
// One server's run of a plan: walks the schedule, runs gate phases and swaps messages. Knows no
// protocol.
#pragma once

#include "runtime/exec/Program.h"
#include "runtime/exec/RequestKeys.h"
#include "runtime/exec/Weights.h"
#include "runtime/net/Channel.h"

namespace gfs {

/// What happened in one run, for profiles and for checking the cost model.
struct RunReport {
  std::vector<double> prepareSeconds;  ///< Per step, before the input.
  std::vector<double> evaluateSeconds; ///< Per step, all phases.
  /// Per step: its part of exchangeSeconds. Steps that send together share an exchange equally.
  std::vector<double> waitSeconds;
  double exchangeSeconds = 0; ///< In Channel::exchange().
  double totalSeconds = 0;    ///< Of run(): from client shares to output shares.
  uint64_t exchanges = 0;
  uint64_t bytesSent = 0; ///< Message bytes without framing.
  uint64_t bytesReceived = 0;
};

/// Output shares by port, packed to l bits per element.
struct RunResult {
  std::vector<SecretVector<uint8_t>> outputs;
  RunReport report;
};

/// Everything a server computes before the input exists, for one request. Used once.
class Prepared {
public:
  /// A record from which nothing has been computed yet.
  Prepared(const RequestId &id, SecretVector<uint8_t> record) : id(id), record(std::move(record)) {}
  Prepared(Prepared &&) noexcept = default;
  Prepared &operator=(Prepared &&) noexcept = default;
  const RequestId &request() const { return id; }
  /// Bytes held.
  uint64_t memoryBytes() const;

private:
  friend class PartyExecutor;
  RequestId id;
  SecretVector<uint8_t> record;
  std::vector<SecretVector<std::byte>> storage; ///< By step: what the gate prepared.
  std::vector<double> seconds;
};

/// One request of a group that runs together.
struct GroupMember {
  Prepared prepared;
  /// Seed that both servers agreed on for this request and nobody else knows.
  const SecretSeed *common;
  /// By port: this server's share, packedBytes(elements, l) long.
  std::span<const SecretVector<uint8_t>> inputs;
};

/// Holds what all requests share: gates and weight shares. Its methods may run at the same time on
/// several threads (one prepares the next request while another runs this one).
class PartyExecutor {
public:
  PartyExecutor(ProgramRef program, MaskedWeights weights, const SecretSeed &seed, Party party,
                const Kernels &kernels = bestKernels());

  const Program &program() const { return *code; }
  Party party() const { return self; }
  const plan::Id16 &modelId() const { return weights.modelId; }
  uint64_t recordBytes() const { return code->recordBytes(self); }

  /// `record` is the plaintext record of `serial`, recordBytes() long; else InvalidInput.
  Prepared prepare(const plan::Id16 &materialId, uint64_t serial,
                   SecretVector<uint8_t> record) const;
  /// `inputs[port]`: this server's share, packedBytes(elements, l) long; else InvalidInput.
  /// `common`: seed that both servers agreed on and nobody else knows. Errors: those of
  /// Channel::exchange.
  RunResult run(Prepared prepared, Channel &channel, const SecretSeed &common,
                std::span<const SecretVector<uint8_t>> inputs) const;
  /// Runs all members in one pass: as many exchanges as for one, each with the messages of all
  /// members one after another. Both servers must have the same members in the same order. Results
  /// by member; times and exchanges are the group's, bytes the member's. Errors: those of run().
  std::vector<RunResult> runGroup(std::vector<GroupMember> members, Channel &channel) const;

private:
  void requireRunnable(const GroupMember &member) const;

  ProgramRef code;
  ServerWeights weights;
  SecretSeed seed;
  Party self;
  const Kernels *kernels;
};

} // namespace gfs
