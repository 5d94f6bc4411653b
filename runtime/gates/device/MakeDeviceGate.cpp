// SPDX-License-Identifier: Apache-2.0
// From a step of the plan to its form for a GPU.
#include "runtime/gates/device/DeviceGate.h"

namespace gfs::device {

DeviceGatePtr makeDeviceGate(const DeviceSite &site) {
  switch (site.step.gate_case()) {
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
  case plan::Step::kSub:
  case plan::Step::kScale:
    return makeCombination(site);
  case plan::Step::kTake:
    return makeTake(site);
  case plan::Step::kTranspose:
    return makeTranspose(site);
  case plan::Step::kConcat:
    return makeConcat(site);
  case plan::Step::kSumPool:
    return makeSumPool(site);
  default:
    return nullptr;
  }
}

} // namespace gfs::device
