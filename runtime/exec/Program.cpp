// SPDX-License-Identifier: Apache-2.0
// Lays out messages and material once, so that running a plan is a walk without decisions.
#include "runtime/exec/Program.h"

#include <algorithm>

#include "runtime/base/Error.h"

namespace gfs {

Program::Program(plan::LoadedPlan loaded) : source(std::move(loaded)) {
  for (int index = 0; index < plan().steps_size(); ++index) {
    gates.push_back(makeGate(plan(), static_cast<uint32_t>(index)));
    costs.push_back(gates.back()->cost());
    check(costs.back().phases() == plan::phaseCount(plan().steps(index)),
          "a gate's phases differ from the plan's rule");
  }
  layOutMessages();
  layOutMaterial();
  findLastReads();
  findChains();
}

bool Program::masked(uint32_t value) const {
  return plan().values(static_cast<int>(value)).kind() == plan::Value::MASKED;
}

uint64_t Program::valueElements(uint32_t value) const {
  return plan::elements(plan().values(static_cast<int>(value)));
}

void Program::layOutMessages() {
  std::vector<MessagePart> latest(gates.size()); // by step: what it sent last
  std::vector<size_t> lastReader;                // by stage: the last stage that reads its messages
  auto beginStage = [&] {
    lastReader.push_back(schedule.size());
    schedule.emplace_back();
  };
  beginStage();
  for (const plan::Action &action : plan().schedule()) {
    if (action.has_exchange()) {
      beginStage();
      continue;
    }
    const size_t index = schedule.size() - 1;
    ProgramStage &stage = schedule.back();
    ProgramPhase phase{action.run().step(), action.run().phase(), {}, {}};
    const std::vector<uint64_t> &messages = costs[phase.step].messageBytes;
    if (phase.phase > 0) {
      phase.incoming = latest[phase.step];
      lastReader[phase.incoming.stage] = index;
    }
    const uint64_t bytes = phase.phase < messages.size() ? messages[phase.phase] : 0;
    latest[phase.step] = phase.outgoing = {index, stage.messageBytes, bytes};
    totalMessageBytes += bytes;
    stage.messageBytes += bytes;
    stage.phases.push_back(phase);
  }
  shareMessageRoom(lastReader);
}

void Program::shareMessageRoom(const std::vector<size_t> &lastReader) {
  struct Taken {
    uint64_t begin, end;
    size_t lastReader;
  };
  std::vector<Taken> taken; // by begin
  for (size_t index = 0; index < schedule.size(); ++index) {
    ProgramStage &stage = schedule[index];
    if (stage.messageBytes == 0)
      continue;
    std::erase_if(taken, [&](const Taken &other) { return other.lastReader < index; });
    auto next = taken.begin();
    for (; next != taken.end() && next->begin < stage.messageOffset + stage.messageBytes; ++next)
      stage.messageOffset = next->end;
    const uint64_t end = stage.messageOffset + stage.messageBytes;
    taken.insert(next, {stage.messageOffset, end, lastReader[index]});
    roomBytes = std::max(roomBytes, end);
  }
}

void Program::layOutMaterial() {
  for (Party party : {Party::Zero, Party::One})
    for (const Cost &cost : costs) {
      materialOffsets[index(party)].push_back(recordLength[index(party)]);
      recordLength[index(party)] += cost.dealtBytes[index(party)];
    }
}

void Program::findLastReads() {
  std::vector<uint32_t> last(static_cast<size_t>(plan().values_size()), 0);
  for (uint32_t id = 0; id < steps(); ++id) {
    for (uint32_t operand : step(id).operands())
      last[operand] = id;
    if (hasResult(id))
      last[step(id).result()] = id; // never read: released where it is made
  }
  released.resize(gates.size());
  for (uint32_t value = 0; value < last.size(); ++value)
    released[last[value]].push_back(value);
}

void Program::findChains() {
  for (ProgramStage &stage : schedule)
    for (size_t index = 0; index < stage.phases.size(); ++index)
      if (!stage.chains.empty() && continuesChain(stage, stage.chains.back(), stage.phases[index]))
        ++stage.chains.back().count;
      else
        stage.chains.push_back({index, 1});
}

/// Range by range, `phase` writes the front of its result before earlier phases of the chain have
/// read the back of their operands: so these must not share memory, unless element by element.
bool Program::continuesChain(const ProgramStage &stage, const ProgramChain &chain,
                             const ProgramPhase &phase) const {
  auto units = [&](const ProgramPhase &of) { return gate(of.step).units(of.phase); };
  auto elementwise = [&](const ProgramPhase &of) { return gate(of.step).elementwise(of.phase); };
  if (!elementwise(phase))
    return false;
  auto offset = [&](uint32_t value) { return plan().values(static_cast<int>(value)).offset(); };
  auto overlap = [&](uint32_t a, uint32_t b) {
    return offset(a) < offset(b) + valueElements(b) && offset(b) < offset(a) + valueElements(a);
  };
  for (size_t i = chain.first; i < chain.first + chain.count; ++i) {
    const ProgramPhase &before = stage.phases[i];
    if (elementwise(before) && units(before) != units(phase))
      return false;
    if (!hasResult(phase.step))
      continue;
    const uint32_t result = step(phase.step).result();
    auto disturbs = [&](uint32_t value) {
      const bool sameElements = elementwise(before) && offset(value) == offset(result);
      return value != result && overlap(result, value) && !sameElements;
    };
    if (std::ranges::any_of(step(before.step).operands(), disturbs) ||
        (hasResult(before.step) && disturbs(step(before.step).result())))
      return false;
  }
  return true;
}

} // namespace gfs
