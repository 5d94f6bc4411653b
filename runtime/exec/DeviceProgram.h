// SPDX-License-Identifier: Apache-2.0
// A program made ready for a GPU, for one server: the device forms of its gates, and where each
// array of a request lies. Offsets are the same for all requests; see
// runtime/kernels/cuda/Arrays.h.
#pragma once

#include "runtime/exec/DeviceLane.h"
#include "runtime/exec/Program.h"

namespace gfs {

/// A message of one phase: its own place on the device, and its place in what is exchanged.
struct DeviceMessage {
  gpu::Array<uint8_t> sent, answer;
  uint64_t bytes, wireOffset;
};

/// The phases between two exchanges, as launches.
struct DeviceStage {
  struct Phase {
    uint32_t step;
    unsigned phase;
  };
  std::vector<Phase> phases;
  std::vector<DeviceMessage> messages; ///< Swapped after the phases.
  uint64_t messageBytes = 0;           ///< Of one request, without gaps.
};

/// Bytes of device memory. Regions are for one request, each.
struct DeviceSizes {
  uint64_t constants = 0;
  uint64_t prepared = 0;                         ///< From prepare() to the end of the run.
  uint64_t values = 0, messages = 0, client = 0; ///< While running.
  uint64_t masks = 0, staged = 0;                ///< While preparing; `staged` twice.
  uint64_t scratch = 0;                          ///< In both.
};

class DeviceProgram {
public:
  /// `constants` keeps what the gates upload. Call complete() before anything else.
  DeviceProgram(ProgramRef program, Party party, device::Constants &constants,
                const device::DeviceWeights &weights);

  /// Whether every gate has a form for a GPU.
  bool complete() const { return isComplete; }
  const Program &program() const { return *code; }
  const device::DeviceGate &gate(uint32_t step) const { return *gates[step]; }
  const std::vector<DeviceStage> &stages() const { return schedule; }
  const DeviceSizes &sizes() const { return bytes; }
  device::RequestStreams streams() const { return requestStreams; }
  gpu::Array<uint8_t> input(size_t port) const { return inputs[port]; }
  gpu::Array<uint8_t> output(size_t port) const { return outputs[port]; }
  /// Where round keys arrive before they are sliced.
  gpu::Array<uint64_t> roundKeys() const { return keyPlace; }
  /// Where a step's packed words wait to be unpacked, behind what the gate reads there itself.
  gpu::Array<uint8_t> packedWords(uint32_t step) const { return packedPlaces[step]; }
  /// What `members` requests send in one exchange, and what they receive; behind the limb planes in
  /// Region::Together.
  gpu::Array<uint8_t> sent(uint32_t members) const;
  gpu::Array<uint8_t> received(uint32_t members) const;
  uint64_t wireBytes() const { return mostWire; } ///< Of one request's `sent`, at most.
  /// What a thread needs that prepares `members` requests together, and one that runs them.
  LaneLayout prepareLane(uint32_t members) const;
  LaneLayout runLane(uint32_t members) const;

private:
  void layOutMessages();
  void layOutClient();

  ProgramRef code;
  bool isComplete = true;
  std::vector<device::DeviceGatePtr> gates;
  std::vector<device::StepArrays> arrays; ///< By step.
  std::vector<DeviceStage> schedule;
  std::vector<gpu::Array<uint8_t>> inputs, outputs, packedPlaces;
  gpu::Array<uint64_t> keyPlace;
  device::RequestStreams requestStreams;
  DeviceSizes bytes;
  uint64_t mostWire = 0;
};

} // namespace gfs
