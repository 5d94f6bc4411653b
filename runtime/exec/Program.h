// SPDX-License-Identifier: Apache-2.0
// A verified plan made ready to run: its gates, where each phase's message lies, and where each
// step's material lies. Built once, shared by every interpreter of the plan (servers, dealer, clear
// evaluation, cost).
#pragma once

#include "runtime/gates/Gate.h"

#include <memory>
#include <vector>

namespace gfs {

/// Bytes among the messages of a stage.
struct MessagePart {
  size_t stage = 0;
  uint64_t offset = 0, bytes = 0; ///< Within the stage's messages.
};

/// One phase of one step in schedule order.
struct ProgramPhase {
  uint32_t step;
  unsigned phase;
  MessagePart outgoing; ///< What this phase writes.
  /// What either server wrote in the phase before: it lies at the same place among the messages
  /// that were sent and among those that came, until this phase has run.
  MessagePart incoming;
};

/// Phases of a stage that follow each other and are evaluated range by range: those behind the
/// first are elementwise and have equally many units, and so has the first if it is elementwise.
struct ProgramChain {
  size_t first = 0, count = 0; ///< In ProgramStage::phases.
};

/// The phases between two exchanges, and the exchange that follows (none after the last).
struct ProgramStage {
  std::vector<ProgramPhase> phases;
  std::vector<ProgramChain> chains; ///< All phases, in order.
  /// Where the messages lie in the room for them, which later exchanges use again.
  uint64_t messageOffset = 0, messageBytes = 0;
};

class Program {
public:
  /// `plan` must have passed verifyPlan(), as every LoadedPlan has.
  explicit Program(plan::LoadedPlan plan);

  const plan::LoadedPlan &loaded() const { return source; }
  const plan::Plan &plan() const { return source.plan; }
  Ring ring() const { return source.ring(); }
  uint32_t steps() const { return static_cast<uint32_t>(gates.size()); }
  const plan::Step &step(uint32_t index) const {
    return source.plan.steps(static_cast<int>(index));
  }
  const Gate &gate(uint32_t step) const { return *gates[step]; }
  const Cost &cost(uint32_t step) const { return costs[step]; }
  bool hasResult(uint32_t step) const { return !this->step(step).has_output(); }
  bool masked(uint32_t value) const;
  uint64_t valueElements(uint32_t value) const;
  uint64_t valueBytes(uint32_t value) const { return valueElements(value) * ring().wordBytes(); }

  const std::vector<ProgramStage> &stages() const { return schedule; }
  /// Message bytes of all exchanges together, each way.
  uint64_t messageBytes() const { return totalMessageBytes; }
  /// Room that the messages of one way need at the same time.
  uint64_t messageRoom() const { return roomBytes; }
  /// Where `part` begins in the room of a group: every stage's messages take `members` times the
  /// place, one member's behind the other's, so that one exchange moves them all.
  uint64_t messagePlace(const MessagePart &part, size_t member, size_t members) const {
    const ProgramStage &stage = schedule[part.stage];
    return stage.messageOffset * members + stage.messageBytes * member + part.offset;
  }
  /// Length of one record of `party`, and the part of it that belongs to `step`.
  uint64_t recordBytes(Party party) const { return recordLength[index(party)]; }
  uint64_t materialOffset(uint32_t step, Party party) const {
    return materialOffsets[index(party)][step];
  }
  /// Values no step after `step` reads, in program order.
  const std::vector<uint32_t> &lastReadBy(uint32_t step) const { return released[step]; }

private:
  void layOutMessages();
  /// Gives each stage's messages the first room that no message still to be read takes.
  void shareMessageRoom(const std::vector<size_t> &lastReader);
  void layOutMaterial();
  void findLastReads();
  void findChains();
  bool continuesChain(const ProgramStage &stage, const ProgramChain &chain,
                      const ProgramPhase &phase) const;

  plan::LoadedPlan source;
  std::vector<std::unique_ptr<Gate>> gates;
  std::vector<Cost> costs;
  std::vector<ProgramStage> schedule;
  std::array<std::vector<uint64_t>, 2> materialOffsets;
  std::array<uint64_t, 2> recordLength = {0, 0};
  uint64_t totalMessageBytes = 0, roomBytes = 0;
  std::vector<std::vector<uint32_t>> released;
};

using ProgramRef = std::shared_ptr<const Program>;
inline ProgramRef makeProgram(plan::LoadedPlan plan) {
  return std::make_shared<const Program>(std::move(plan));
}

} // namespace gfs
