// SPDX-License-Identifier: Apache-2.0
// From a step of the plan to its gate.
#include "runtime/base/Error.h"
#include "runtime/gates/Gates.h"

namespace gfs {

std::unique_ptr<Gate> makeGate(const plan::Plan &plan, uint32_t step) {
  const plan::Step &it = plan.steps(static_cast<int>(step));
  GateSite site{plan, it, Ring{plan.ring_bits()}};
  switch (it.gate_case()) {
#define GFS_GATE(Name)                                                                             \
  case plan::Step::k##Name:                                                                        \
    return make##Name(site);
#include "runtime/plan/Gates.def"
  case plan::Step::GATE_NOT_SET:
    break;
  }
  check(false, "a verified step has no gate");
  return nullptr;
}

} // namespace gfs
