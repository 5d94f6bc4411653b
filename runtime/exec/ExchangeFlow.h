// SPDX-License-Identifier: Apache-2.0
// The exchanges of a run, in parts: what a stage writes is sent while it is evaluated. The phases
// of the next stage begin as what they read arrives; those of a group once all of it has arrived,
// so that what its first members write is on its way while the others are evaluated.
#pragma once

#include "runtime/exec/Chain.h"
#include "runtime/net/Channel.h"

#include <optional>

namespace gfs {

class ExchangeFlow {
public:
  /// `sent` and `received` are the rooms for messages of `members` requests, one request's behind
  /// the other's.
  ExchangeFlow(const Program &program, Channel &channel, std::span<const uint8_t> sent,
               std::span<uint8_t> received, size_t members)
      : program(program), channel(channel), sent(sent), received(received), members(members),
        secondsByStage(program.stages().size()) {}

  /// Gives up an exchange in flight, if an error ends the run.
  ~ExchangeFlow();
  ExchangeFlow(const ExchangeFlow &) = delete;
  ExchangeFlow &operator=(const ExchangeFlow &) = delete;

  void enter(size_t stage);
  /// Waits for what units [0, units) of a phase of the stage read, of any member.
  void await(size_t phase, uint64_t units);
  /// Units [0, units) of a phase of the stage are done, of one member.
  void done(size_t member, size_t phase, uint64_t units);
  /// All phases of the stage are done, of one member of a group.
  void done(size_t member);
  /// All phases of the stage are done, of all members.
  void leave();

  /// Time spent in the exchange behind each stage.
  const std::vector<double> &seconds() const { return secondsByStage; }

private:
  const ProgramStage &stage(size_t index) const { return program.stages()[index]; }
  bool reads(const ProgramPhase &phase) const {
    return phase.phase > 0 && arriving && phase.incoming.stage == *arriving;
  }
  void begin();
  /// Ends the exchange that arrives and begins this stage's.
  void settle();
  /// Bytes at the front of a member's messages of the stage that are final.
  uint64_t finalBytes(size_t member) const;
  void push();
  template <class Call> void timed(size_t stage, Call &&call);

  const Program &program;
  Channel &channel;
  std::span<const uint8_t> sent;
  std::span<uint8_t> received;
  const size_t members;

  size_t current = 0;
  std::optional<size_t> arriving; ///< The stage whose exchange was begun before `current`.
  size_t readers = 0;             ///< Phases of `current` that have not read all of it.
  bool begun = false;             ///< The exchange of `current`.
  /// By member, then by phase of `current`: final bytes of its message.
  std::vector<uint64_t> finalOf;
  size_t complete = 0;            ///< Members below have written all their messages of `current`.
  std::optional<uint64_t> pushed; ///< Of the exchange of `current`.
  std::vector<double> secondsByStage;
};

} // namespace gfs
