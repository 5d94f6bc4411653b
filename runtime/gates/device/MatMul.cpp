// SPDX-License-Identifier: Apache-2.0
// MatMul has no form of its own for a GPU: the filters of its products are secrets of the pass,
// where a GPU packs those of a layer once. A plan with it runs its convolutions alone there.
#include "runtime/gates/device/DeviceGate.h"

namespace gfs::device {

DeviceGatePtr makeMatMul(const DeviceSite &) { return nullptr; }

} // namespace gfs::device
