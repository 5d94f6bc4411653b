// SPDX-License-Identifier: Apache-2.0
// Lays out messages and material once, so that running a plan is a walk without decisions.
#include "runtime/exec/Program.h"

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
}

bool Program::masked(uint32_t value) const {
  return plan().values(static_cast<int>(value)).kind() == plan::Value::MASKED;
}

uint64_t Program::valueElements(uint32_t value) const {
  return plan::elements(plan().values(static_cast<int>(value)));
}

void Program::layOutMessages() {
  std::vector<uint64_t> latest(gates.size(), 0); // where each step's latest message lies
  schedule.emplace_back();
  for (const plan::Action &action : plan().schedule()) {
    ProgramStage &stage = schedule.back();
    if (action.has_exchange()) {
      schedule.emplace_back();
      schedule.back().messageOffset = totalMessageBytes;
      continue;
    }
    ProgramPhase phase{action.run().step(), action.run().phase()};
    const std::vector<uint64_t> &messages = costs[phase.step].messageBytes;
    if (phase.phase > 0) {
      phase.incomingOffset = latest[phase.step];
      phase.incomingBytes = messages[phase.phase - 1];
    }
    phase.outgoingOffset = latest[phase.step] = totalMessageBytes;
    phase.outgoingBytes = phase.phase < messages.size() ? messages[phase.phase] : 0;
    totalMessageBytes += phase.outgoingBytes;
    stage.messageBytes += phase.outgoingBytes;
    stage.phases.push_back(phase);
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

} // namespace gfs
