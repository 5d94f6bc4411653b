// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/ExchangeFlow.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <chrono>

namespace gfs {

/// Parts of messages smaller than this wait for more: a system call costs as much as sending 64 KB.
static constexpr uint64_t leastPart = 65536;

template <class Call> void ExchangeFlow::timed(size_t stage, Call &&call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  secondsByStage[stage] +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

ExchangeFlow::~ExchangeFlow() {
  if (arriving || begun)
    channel.abandon();
}

void ExchangeFlow::enter(size_t index) {
  current = index;
  pushed.reset();
  finalOf.assign(stage(index).phases.size() * members, 0);
  complete = 0;
  readers = static_cast<size_t>(std::ranges::count_if(
      stage(index).phases, [&](const ProgramPhase &phase) { return reads(phase); }));
  // A group's message comes whole: the last member's part is read long after the first one's is
  // written, which could not be sent before.
  if (readers == 0 || members > 1)
    settle();
}

void ExchangeFlow::await(size_t index, uint64_t units) {
  const ProgramPhase &phase = stage(current).phases[index];
  if (!reads(phase))
    return;
  const Gate &gate = program.gate(phase.step);
  const uint64_t prefix = units < gate.units(phase.phase)
                              ? gate.messagePrefix(phase.phase - 1, units)
                              : phase.incoming.bytes;
  const uint64_t bytes = phase.incoming.offset + (prefix > 0 ? prefix : phase.incoming.bytes);
  timed(*arriving, [&] { channel.pull(bytes); });
}

void ExchangeFlow::done(size_t member, size_t index, uint64_t units) {
  const ProgramPhase &phase = stage(current).phases[index];
  const Gate &gate = program.gate(phase.step);
  const bool all = units == gate.units(phase.phase);
  finalOf[member * stage(current).phases.size() + index] =
      all ? phase.outgoing.bytes : gate.messagePrefix(phase.phase, units);
  if (all && reads(phase) && --readers == 0)
    settle();
  if (begun)
    push();
}

void ExchangeFlow::done(size_t member) {
  const std::vector<ProgramPhase> &phases = stage(current).phases;
  for (size_t index = 0; index < phases.size(); ++index)
    finalOf[member * phases.size() + index] = phases[index].outgoing.bytes;
  if (begun)
    push();
}

void ExchangeFlow::leave() {
  check(begun || current + 1 == program.stages().size(), "a stage left before it was done");
  if (begun)
    arriving = current;
  begun = false;
}

void ExchangeFlow::settle() {
  if (arriving)
    timed(*arriving, [&] { channel.finish(); });
  arriving.reset();
  if (current + 1 == program.stages().size())
    return;
  const uint64_t offset = stage(current).messageOffset * members,
                 bytes = stage(current).messageBytes * members;
  timed(current,
        [&] { channel.begin(sent.subspan(offset, bytes), received.subspan(offset, bytes)); });
  begun = true;
  push();
}

uint64_t ExchangeFlow::finalBytes(size_t member) const {
  const std::vector<ProgramPhase> &phases = stage(current).phases;
  uint64_t bytes = 0;
  for (size_t i = 0; i < phases.size(); ++i) {
    const uint64_t final = finalOf[member * phases.size() + i];
    bytes += final;
    if (final < phases[i].outgoing.bytes)
      break;
  }
  return bytes;
}

void ExchangeFlow::push() {
  const uint64_t each = stage(current).messageBytes, all = each * members;
  while (complete < members && finalBytes(complete) == each)
    ++complete;
  const uint64_t bytes = each * complete + (complete < members ? finalBytes(complete) : 0);
  if (pushed == bytes)
    return;
  if (bytes == all || bytes >= pushed.value_or(0) + leastPart) {
    timed(current, [&] { channel.push(bytes); });
    pushed = bytes;
  }
}

} // namespace gfs
