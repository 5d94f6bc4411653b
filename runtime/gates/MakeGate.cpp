// SPDX-License-Identifier: Apache-2.0
// From a step of the plan to its gate.
#include "runtime/base/Error.h"
#include "runtime/gates/Gates.h"

namespace gfs {

std::unique_ptr<Gate> makeGate(const plan::Plan &plan, uint32_t step) {
  const plan::Step &it = plan.steps(static_cast<int>(step));
  GateSite site{plan, it, Ring{plan.ring_bits()}};
  switch (it.gate_case()) {
  case plan::Step::kInput:
    return makeInput(site);
  case plan::Step::kOutput:
    return makeOutput(site);
  case plan::Step::kOpen:
    return makeOpen(site);
  case plan::Step::kLinear:
    return makeLinear(site);
  case plan::Step::kRelu:
    return makeRelu(site);
  case plan::Step::kTruncate:
    return makeTruncate(site);
  case plan::Step::kSquare:
    return makeSquare(site);
  case plan::Step::kMultiply:
    return makeMultiply(site);
  case plan::Step::kUnmask:
    return makeUnmask(site);
  case plan::Step::kSpline:
    return makeSpline(site);
  case plan::Step::kAddWeight:
    return makeAddWeight(site);
  case plan::Step::kAdd:
    return makeAdd(site);
  case plan::Step::kSub:
    return makeSub(site);
  case plan::Step::kScale:
    return makeScale(site);
  case plan::Step::kTake:
    return makeTake(site);
  case plan::Step::kTranspose:
    return makeTranspose(site);
  case plan::Step::kConcat:
    return makeConcat(site);
  case plan::Step::kSumPool:
    return makeSumPool(site);
  case plan::Step::GATE_NOT_SET:
    break;
  }
  check(false, "a verified step has no gate");
  return nullptr;
}

} // namespace gfs
