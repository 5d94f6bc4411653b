// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/DevicePlan.h"

#include "runtime/base/Error.h"
#include "runtime/exec/DealProgram.h"
#include "runtime/exec/DeviceProgram.h"

#include <algorithm>

namespace gfs {

namespace {

/// Weights of the right sizes and no contents, for counting.
class CountedWeights final : public device::DeviceWeights, public device::DealWeights {
public:
  explicit CountedWeights(const Program &program) : program(program) {
    uint64_t most = 0;
    for (const auto &weight : program.plan().weights())
      most = std::max(most, weight.elements());
    zeros.resize(most * program.ring().wordBytes());
  }
  const gpu::ConvWeights *masked(uint32_t) const override { return nullptr; }
  const gpu::ConvWeights *share(uint32_t) const override { return nullptr; }
  const gpu::ConvWeights *packed(uint32_t) const override { return nullptr; }
  std::span<const std::byte> maskedBytes(uint32_t id) const override { return shareBytes(id); }
  std::span<const std::byte> shareBytes(uint32_t id) const override {
    return std::span(zeros).first(program.plan().weights(static_cast<int>(id)).elements() *
                                  program.ring().wordBytes());
  }

private:
  const Program &program;
  std::vector<std::byte> zeros;
};

/// Packed weights in `tables` forms; with operands in host memory, what two threads need that
/// convolve at the same time.
void planConvolutions(const Program &program, uint64_t tables, DevicePlan &plan) {
  DeviceBytes most;
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
      plan.weightBytes += tables * bytes.weights;
    counted[use->weight] = true;
  }
  constexpr uint64_t lanes = 2;
  plan.scratchBytes = lanes * (most.input + most.limbs + most.output);
}

/// Passes of servers.
void planPasses(const ProgramRef &program, uint64_t servers, DevicePlan &plan) {
  device::Constants constants(false);
  const CountedWeights weights(*program);
  // Both servers' arrays are laid out alike, with room for all material, whoever receives it.
  const DeviceProgram whole(program, Party::One, constants, weights);
  plan.wholePasses = whole.complete();
  if (!plan.wholePasses)
    return;
  plan.weightBytes += servers * whole.sizes().constants;
  plan.passBytes = servers * whole.runLane(1).deviceBytes();
  plan.prepareBytes = servers * whole.prepareLane(1).deviceBytes();
  plan.preparedBytes = servers * whole.sizes().prepared;
}

/// Records in the making.
void planRecords(const ProgramRef &program, uint32_t records, DevicePlan &plan) {
  device::Constants constants(false);
  const DealProgram dealing(program, constants, CountedWeights(*program));
  plan.wholeRecords = dealing.complete();
  if (!plan.wholeRecords)
    return;
  plan.weightBytes += constants.bytes();
  plan.records = records;
  plan.groupBytes = dealing.lane(records).deviceBytes();
}

} // namespace

DevicePlan planDevice(const ProgramRef &program, DeviceUser user, uint32_t records) {
  DevicePlan plan;
  planConvolutions(*program,
                   user == DeviceUser::Server   ? 2
                   : user == DeviceUser::Dealer ? 1
                                                : 5,
                   plan);
  if (user != DeviceUser::Dealer)
    planPasses(program, user == DeviceUser::Server ? 1 : 2, plan);
  if (user != DeviceUser::Server)
    planRecords(program, records, plan);
  if (user == DeviceUser::Server)
    plan.requests = 5;
  if (user == DeviceUser::Dealer)
    plan.groups = 2;
  if (plan.wholePasses && plan.wholeRecords)
    plan.scratchBytes = 0;
  return plan;
}

uint32_t recordsAtATime(const ProgramRef &program, uint64_t freeMemory, uint32_t most) {
  const DevicePlan one = planDevice(program, DeviceUser::Dealer);
  const uint64_t room = freeMemory / 5 * 4, each = one.groups * one.groupBytes;
  if (each == 0 || room <= one.weightBytes)
    return 1;
  return static_cast<uint32_t>(
      std::clamp<uint64_t>((room - one.weightBytes) / each, 1, std::max(most, 1u)));
}

std::string describeDevice(const ComputeDevice &device, const ProgramRef &program, DeviceUser user,
                           uint32_t records) {
  if (!device.isGpu)
    return device.text;
  const DevicePlan plan = planDevice(program, user, records);
  const auto megabytes = [](uint64_t bytes) { return 1e-6 * double(bytes); };
  const bool whole = plan.wholePasses && plan.wholeRecords;
  std::string text = fmt::format("{}; {} there, up to {:.1f} MB: weights {:.1f}", device.text,
                                 !whole                       ? "convolutions"
                                 : user == DeviceUser::Dealer ? "whole records"
                                                              : "whole passes",
                                 megabytes(plan.peakBytes()), megabytes(plan.weightBytes));
  if (plan.scratchBytes > 0)
    text += fmt::format(" + scratch {:.1f}", megabytes(plan.scratchBytes));
  if (plan.passBytes > 0)
    text += fmt::format(" + a pass {:.1f} + preparing {:.1f} + {} x {:.1f} prepared",
                        megabytes(plan.passBytes), megabytes(plan.prepareBytes), plan.requests,
                        megabytes(plan.preparedBytes));
  if (plan.groupBytes > 0)
    text +=
        fmt::format(" + {} x {:.1f} for {} in the making", plan.groups, megabytes(plan.groupBytes),
                    plan.records == 1 ? "a record" : fmt::format("{} records", plan.records));
  if (plan.peakBytes() > device.freeMemory)
    throw Error(ExitCode::Device, fmt::format("not enough memory: {}", text),
                "a smaller batch, another GPU, or --device cpu");
  return text;
}

} // namespace gfs
