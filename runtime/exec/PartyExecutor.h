// SPDX-License-Identifier: Apache-2.0
// One server's run of a plan: walks the schedule, runs gate phases and swaps messages. Knows no
// protocol.
#pragma once

#include "runtime/base/ThreadPool.h"
#include "runtime/exec/Prepared.h"
#include "runtime/exec/Program.h"
#include "runtime/exec/Weights.h"
#include "runtime/net/Channel.h"

namespace gfs {

class DeviceExecutor;

/// What happened in one run, for profiles and for checking the cost model.
struct RunReport {
  std::vector<double> prepareSeconds; ///< Per step.
  /// Per step, all phases, of this member of a group; on a GPU an equal part of the group's.
  std::vector<double> evaluateSeconds;
  /// Per step: its part of exchangeSeconds. Steps that send together share an exchange equally.
  std::vector<double> waitSeconds;
  /// Per step, beside evaluateSeconds: its messages between a GPU's memory and the host's. Only if
  /// PartyExecutor::timeSteps() asked for it; zeros on a CPU.
  std::vector<double> transferSeconds;
  double exchangeSeconds = 0; ///< In Channel::exchange().
  /// Preparing what was not prepared before runGroup(), for the whole group.
  double lateSeconds = 0;
  /// Of runGroup() but for lateSeconds: from client shares to output shares.
  double totalSeconds = 0;
  uint64_t exchanges = 0;
  uint64_t bytesSent = 0; ///< Message bytes without framing.
  uint64_t bytesReceived = 0;
};

/// Output shares by port, packed to l bits per element.
struct RunResult {
  std::vector<SecretVector<uint8_t>> outputs;
  RunReport report;
  /// In a group's first result: the material and the values of the whole run. They are wiped when
  /// this is dropped, which takes time: better when the outputs are on their way.
  std::shared_ptr<const void> remains;
};

/// One request of a group that runs together.
struct GroupMember {
  Prepared prepared; ///< As far as it is; runGroup() does the rest when it gets there.
  /// Seed that both servers agreed on for this request and nobody else knows.
  const SecretSeed *common;
  /// By port: this server's share, packedBytes(elements, l) long.
  std::span<const SecretVector<uint8_t>> inputs;
};

/// Holds what all requests share: gates and weight shares. Its methods may run at the same time on
/// several threads (one prepares the next request while another runs this one).
class PartyExecutor {
public:
  /// `threads` of its own work on a request, the calling one included.
  PartyExecutor(ProgramRef program, MaskedWeights weights, const SecretSeed &seed, Party party,
                const Kernels &kernels = bestKernels(), unsigned threads = 1);

  /// Requests begun later come from this seed, that of a set of material, and not from the
  /// constructor's, which the masks of weights keep. No request may be begun meanwhile.
  void useSeed(const SecretSeed &setSeed) { seed = setSeed.clone(); }
  /// Wipes that seed: until there is another, no request may be begun.
  void forgetSeed() { seed.reset(); }

  const Program &program() const { return *code; }
  Party party() const { return self; }
  const plan::Id16 &modelId() const { return weights.modelId; }
  uint64_t recordBytes() const { return code->recordBytes(self); }
  /// Whether passes run on a GPU as a whole, rather than their convolutions at most.
  bool runsOnDevice() const { return device != nullptr; }

  /// On a GPU, from now on: times of single steps by its clock, launch by launch and so a little
  /// slower. Else its launches of a stage are one, whose time is divided equally among its phases.
  void timeSteps(bool timed) { timesSteps = timed; }

  /// Lengths of the parts of a record.
  std::vector<uint64_t> recordPartBytes() const;
  /// The parts of a record in one piece, recordBytes() long; else InvalidInput, naming `serial`.
  RecordParts split(uint64_t serial, std::span<const uint8_t> record) const;
  /// A request with nothing prepared. `record` is the plaintext record of `serial`, its parts
  /// recordPartBytes() long; else InvalidInput.
  Prepared begin(const plan::Id16 &materialId, uint64_t serial, RecordParts record) const;
  /// Prepares one more step, on a GPU all; returns whether there is another. `alone`:
  /// without the pool's threads, which would do at their priority what a caller of low priority
  /// does for later.
  bool prepareNext(Prepared &prepared, bool alone = false) const;
  /// Prepares all that is left of several requests: on a GPU many in the same launches.
  void prepareAll(std::span<Prepared *const> requests) const;
  /// Runs all members in one pass: as many exchanges as for one, each with the messages of all
  /// members one after another. Both servers must have the same members in the same order. Results
  /// by member; times and exchanges are the group's, bytes the member's. Errors: InvalidInput (an
  /// input of another length), those of Channel::exchange.
  std::vector<RunResult> runGroup(std::vector<GroupMember> members, Channel &channel) const;

private:
  class GroupRun;
  void requireRunnable(const GroupMember &member) const;
  void prepareOnDevice(std::span<Prepared *const> requests) const;
  std::vector<RunResult> runOnDevice(std::span<GroupMember> members, Channel &channel) const;

  ProgramRef code;
  ServerWeights weights;
  std::optional<SecretSeed> seed;
  Party self;
  const Kernels *kernels;
  std::unique_ptr<ThreadPool> pool;
  std::shared_ptr<const DeviceExecutor> device; ///< Null: gates run on the CPU.
  bool timesSteps = false;
};

} // namespace gfs
