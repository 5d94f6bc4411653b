// SPDX-License-Identifier: Apache-2.0
// From a step of the plan to its form for a GPU.
#include "runtime/gates/device/DeviceGate.h"

namespace gfs::device {

DeviceGatePtr makeDeviceGate(const DeviceSite &site) {
  switch (site.step.gate_case()) {
#define GFS_GATE(Name)                                                                             \
  case plan::Step::k##Name:                                                                        \
    return make##Name(site);
#include "runtime/plan/Gates.def"
  default:
    return nullptr;
  }
}

} // namespace gfs::device
