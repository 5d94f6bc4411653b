// SPDX-License-Identifier: Apache-2.0
// What a plan needs of a GPU's memory, known before anything is loaded.
#pragma once

#include "runtime/exec/Program.h"
#include "runtime/kernels/CudaDevice.h"

namespace gfs {

/// Who computes: one server with its two forms of the weights; the dealer with A alone; or one
/// process with both servers and the dealer.
enum class DeviceUser { Server, Dealer, Local };

struct DevicePlan {
  bool wholePasses = true;    ///< Of servers; else convolutions only.
  bool wholeRecords = true;   ///< Of the dealer; else convolutions only.
  uint64_t weightBytes = 0;   ///< All packed forms of all layers, and what the plan says of steps.
  uint64_t scratchBytes = 0;  ///< Of convolutions whose operands are in host memory.
  uint64_t passBytes = 0;     ///< Passes of one request, of all servers.
  uint64_t prepareBytes = 0;  ///< Preparing one request at a time, likewise.
  uint64_t preparedBytes = 0; ///< Each request that is prepared, likewise.
  uint64_t requests = 1;      ///< So many: the one that runs, and a server's four ahead of it.
  uint64_t groupBytes = 0;    ///< Records in the making: a group of `records` …
  uint64_t records = 1;
  uint64_t groups = 1; ///< … and so many at a time.
  uint64_t peakBytes() const {
    return weightBytes + scratchBytes + passBytes + prepareBytes + requests * preparedBytes +
           groups * groupBytes;
  }
};

/// An upper bound: shares that are zero in the plan's weight mode are counted as if they were not.
/// `records`: of a group that Dealer deals at a time; two groups alternate.
DevicePlan planDevice(const ProgramRef &program, DeviceUser user, uint32_t records = 1);
/// How many records, at most `most`, Dealer should deal at a time so that four fifths of
/// `freeMemory` hold both groups; at least 1.
uint32_t recordsAtATime(const ProgramRef &program, uint64_t freeMemory, uint32_t most);

/// What to tell people: the device and, for a GPU, the planned memory. Errors: Device, if the plan
/// needs more than is free.
std::string describeDevice(const ComputeDevice &device, const ProgramRef &program, DeviceUser user,
                           uint32_t records = 1);

} // namespace gfs
