// SPDX-License-Identifier: Apache-2.0
// Sums of what the gates state.
#include "runtime/exec/PlanCost.h"

namespace gfs {

PlanCost planCost(const Program &program) {
  PlanCost total;
  for (uint32_t id = 0; id < program.steps(); ++id) {
    const Cost &cost = program.cost(id);
    total.steps.push_back(cost);
    total.multiplications += cost.multiplications;
    total.elements += cost.elements;
    total.prgBytes += cost.prgBytes;
    total.aesBlocks += cost.aesBlocks;
  }
  total.exchanges = program.stages().size() - 1;
  total.messageBytes = program.messageBytes();
  for (Party party : {Party::Zero, Party::One})
    total.dealtBytes[index(party)] = program.recordBytes(party);
  const plan::Plan &plan = program.plan();
  for (const plan::Port &port : plan.inputs())
    total.inputBytes += packedBytes(program.valueElements(port.value()), plan.ring_bits());
  for (const plan::Port &port : plan.outputs())
    total.outputBytes += packedBytes(program.valueElements(port.value()), plan.ring_bits());
  total.arenaBytes = plan.arena_words() * program.ring().wordBytes();
  return total;
}

} // namespace gfs
