// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/DevicePlan.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <vector>

namespace gfs {

DevicePlan planDevice(const Program &program, DeviceUser user) {
  // A lane of the device keeps the largest input, limbs and output that it has seen.
  DeviceBytes most = {0, 0};
  uint64_t weights = 0;
  std::vector<bool> counted(static_cast<size_t>(program.plan().weights_size()));
  for (uint32_t step = 0; step < program.steps(); ++step) {
    const std::optional<WeightUse> use = program.gate(step).weightUse();
    if (!use)
      continue;
    const DeviceBytes bytes = deviceBytes(use->shape, program.ring().wordBytes());
    most.input = std::max(most.input, bytes.input);
    most.limbs = std::max(most.limbs, bytes.limbs);
    most.output = std::max(most.output, bytes.output);
    if (!counted[use->weight])
      weights += bytes.weights;
    counted[use->weight] = true;
  }
  // Two threads convolve at the same time: one prepares while the other runs, or both servers run.
  constexpr uint64_t lanes = 2;
  const uint64_t tables = user == DeviceUser::Server ? 2 : 5;
  return {tables * weights, lanes * (most.input + most.limbs + most.output)};
}

std::string describeDevice(const ComputeDevice &device, const Program &program, DeviceUser user) {
  if (!device.isGpu)
    return device.text;
  const DevicePlan plan = planDevice(program, user);
  const double megabyte = 1e-6;
  const std::string text =
      fmt::format("{}; convolutions there, up to {:.1f} MB: weights {:.1f} + scratch {:.1f}",
                  device.text, megabyte * double(plan.peakBytes()),
                  megabyte * double(plan.weightBytes), megabyte * double(plan.scratchBytes));
  if (plan.peakBytes() > device.freeMemory)
    throw Error(ExitCode::Device, fmt::format("not enough memory: {}", text),
                "a smaller batch, another GPU, or --device cpu");
  return text;
}

} // namespace gfs
