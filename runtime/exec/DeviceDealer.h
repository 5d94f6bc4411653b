// SPDX-License-Identifier: Apache-2.0
// The dealer's records made on a GPU, several in one sequence of launches. Seeds stay on the host,
// which derives the keys of each request; what comes back are the records.
#pragma once

#include "runtime/base/ThreadPool.h"
#include "runtime/exec/DealProgram.h"
#include "runtime/exec/RequestKeys.h"
#include "runtime/exec/Weights.h"

namespace gfs {

/// Both servers' records of one request, to be filled.
using RecordPair = std::array<std::span<uint8_t>, 2>;

class DeviceDealer {
public:
  /// Null if a gate of the program has no form for a GPU. `weights` (A, or W if public) were packed
  /// by the GPU's kernels and must outlive the dealer. Errors: Device.
  static std::unique_ptr<DeviceDealer> make(ProgramRef program, const WeightTable &weights);

  /// Fills records[i] with what the servers with keys[i] need. On several threads at once each call
  /// has device memory of its own. `helpers`, if any, copy from pinned memory. Errors: Device.
  void deal(std::span<const std::array<AesKey, 2>> keys, std::span<const RecordPair> records,
            ThreadPool *helpers) const;

private:
  struct Weights;
  DeviceDealer(ProgramRef program, const WeightTable &weights);

  device::Constants constants;
  DealProgram program;
  mutable LanePool lanes;
};

} // namespace gfs
