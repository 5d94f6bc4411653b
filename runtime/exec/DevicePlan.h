// SPDX-License-Identifier: Apache-2.0
// How much memory a plan needs on a GPU, known before anything runs.
#pragma once

#include "runtime/exec/Program.h"
#include "runtime/kernels/CudaDevice.h"

namespace gfs {

/// Who keeps weights on the device: a server its masked weights and its share, gfsrun --local both
/// servers' and the dealer's masks.
enum class DeviceUser { Server, Local };

struct DevicePlan {
  uint64_t weightBytes = 0;  ///< All packed forms of all layers.
  uint64_t scratchBytes = 0; ///< Arrays of the layers that may run at the same time.
  uint64_t peakBytes() const { return weightBytes + scratchBytes; }
};

/// An upper bound: shares that are zero in the plan's weight mode are counted as if they were not.
DevicePlan planDevice(const Program &program, DeviceUser user);

/// What to tell people: the device and, for a GPU, the planned memory. Errors: Device, if the plan
/// needs more than is free.
std::string describeDevice(const ComputeDevice &device, const Program &program, DeviceUser user);

} // namespace gfs
