// SPDX-License-Identifier: Apache-2.0
// The list of all gates, and the facts about a step they are made from. Not for use outside this
// folder.
#pragma once

#include "runtime/gates/Gate.h"

namespace gfs {

/// One step of a verified plan. Gates copy what they need: a site does not outlive makeGate().
struct GateSite {
  const plan::Plan &plan;
  const plan::Step &step;
  Ring ring;

  const plan::Value &value(uint32_t id) const { return plan.values(static_cast<int>(id)); }
  const plan::Value &operand(int i) const { return value(step.operands(i)); }
  const plan::Value &result() const { return value(step.result()); }
  uint64_t operandElements(int i) const { return plan::elements(operand(i)); }
  uint64_t resultElements() const { return plan::elements(result()); }
  bool resultMasked() const { return result().kind() == plan::Value::MASKED; }
};

/// Of an Open.
inline OpenedBits openedBits(const GateSite &site) {
  return {site.ring.bits, site.step.open().dropped()};
}

using GatePtr = std::unique_ptr<Gate>;

/// Makes GateOf<uint32_t> or GateOf<uint64_t>, as the ring needs.
template <template <class> class GateOf> GatePtr makeForRing(const GateSite &site) {
  return visitWord(site.ring,
                   [&]<class Word>() -> GatePtr { return std::make_unique<GateOf<Word>>(site); });
}

#define GFS_GATE(Name) GatePtr make##Name(const GateSite &site);
#include "runtime/plan/Gates.def"
/// The form of Relu whose sign comes from a comparison key.
GatePtr makeReluByKey(const GateSite &site);

} // namespace gfs
