// SPDX-License-Identifier: Apache-2.0
// A program made ready to be dealt on a GPU: the launches of each step, and where the arrays of a
// record in the making lie. The same for all records.
#pragma once

#include "runtime/exec/DeviceLane.h"
#include "runtime/exec/Program.h"
#include "runtime/gates/device/DealScript.h"

namespace gfs {

class DealProgram {
public:
  /// `constants` keeps what the steps upload. Call complete() before anything else.
  DealProgram(ProgramRef program, device::Constants &constants, const device::DealWeights &weights);

  /// Whether every gate has a form for a GPU.
  bool complete() const { return isComplete; }
  const Program &program() const { return *code; }
  /// Makes the records of a group; keys have been sliced.
  void run(const device::Launcher &launch) const;
  /// From a member's region of records, as the GPU left it, to what the servers get.
  void gather(std::span<const uint8_t> region, std::span<uint8_t> record0,
              std::span<uint8_t> record1) const;

  /// Where both servers' round keys arrive, and where they lie sliced.
  gpu::Array<uint64_t> roundKeys(Party party) const { return keyPlaces[index(party)]; }
  gpu::Array<cuda::SlicedRoundKeys> slicedKeys(Party party) const { return keys[index(party)]; }

  /// From one record of a group to the next, in Region::Records.
  uint64_t recordPitch() const { return cuda::paddedBytes(bytes.records); }
  /// What a thread needs that deals `members` records together; keys lie in Prepared.
  LaneLayout lane(uint32_t members) const;

private:
  ProgramRef code;
  bool isComplete = true;
  std::array<gpu::Array<uint64_t>, 2> keyPlaces;
  std::array<gpu::Array<cuda::SlicedRoundKeys>, 2> keys;
  std::vector<device::DealScript> scripts; ///< By step.
  struct {
    uint64_t keys = 0, masks = 0, records = 0, scratch = 0;
  } bytes;
};

} // namespace gfs
