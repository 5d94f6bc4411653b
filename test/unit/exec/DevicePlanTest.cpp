// SPDX-License-Identifier: Apache-2.0
// The memory of a GPU that is planned is what a server takes.
#include "runtime/exec/DevicePlan.h"
#include "runtime/base/Error.h"
#include "test/unit/gates/GateTest.h"
#include "test/unit/plan/PlanRefusal.h"

namespace gfs {
namespace {

TEST(DevicePlanTest, IsWhatASimulationTakes) {
  emulatedCudaVariants();
  const ProgramRef program = makeProgram(load(everyGatePlan()));
  const DevicePlan planned = planDevice(program, DeviceUser::Local);
  EXPECT_TRUE(planned.wholePasses);
  std::vector<Values> weights;
  for (int id = 0; id < program->plan().weights_size(); ++id)
    weights.push_back(
        fixedValues(program->plan().weights(id).elements(), 6, static_cast<uint64_t>(id)));
  const SecretSeed seed0 = SecretSeed::random(), seed1 = SecretSeed::random();
  std::vector<ClearWords> inputs;
  for (const plan::Port &port : program->plan().inputs())
    inputs.push_back(wordsOf(program->ring(), Values(program->valueElements(port.value()), 3)));

  const ComputeDevice device = openDevice("cuda");
  {
    Simulator simulator(program,
                        maskWeights(program->plan(), clearWeights(program->plan(), weights), seed0,
                                    seed1, plan::randomId()),
                        seed0, seed1, *device.kernels);
    simulator.run(inputs);
    simulator.run(inputs);
    const uint64_t taken = device.freeMemory - openDevice("cuda").freeMemory;
    EXPECT_LE(taken, planned.peakBytes());
    EXPECT_GE(taken, planned.peakBytes() * 8 / 10);
  }
  EXPECT_EQ(device.freeMemory, openDevice("cuda").freeMemory) << "all is given back";
}

TEST(DevicePlanTest, IsWhatADealerTakes) {
  emulatedCudaVariants();
  const ProgramRef program = makeProgram(load(everyGatePlan()));
  const ComputeDevice device = openDevice("cuda");
  for (uint32_t records : {1u, 7u}) {
    const Dealer dealer(program, SecretSeed::random(), SecretSeed::random(), plan::randomId(),
                        nullptr, *device.kernels);
    dealGroup(dealer, records);
    const DevicePlan planned = planDevice(program, DeviceUser::Dealer, records);
    EXPECT_TRUE(planned.wholeRecords);
    EXPECT_EQ(planned.groups, 2u);
    const uint64_t taken = device.freeMemory - openDevice("cuda").freeMemory,
                   expected = planned.peakBytes() - planned.groupBytes; // one group was dealt
    EXPECT_LE(taken, expected);
    EXPECT_GE(taken, expected * 8 / 10);
  }
}

// As many as fit, and never none or more than asked for.
TEST(DevicePlanTest, GroupsOfTheDealerFitTheMemory) {
  const ProgramRef program = makeProgram(load(everyGatePlan()));
  const DevicePlan ten = planDevice(program, DeviceUser::Dealer, 10);
  EXPECT_EQ(recordsAtATime(program, ten.peakBytes() * 5 / 4 + 100, 64), 10u);
  EXPECT_EQ(recordsAtATime(program, ten.peakBytes() * 5 / 4 + 100, 8), 8u);
  EXPECT_EQ(recordsAtATime(program, 0, 64), 1u);
  EXPECT_EQ(recordsAtATime(program, uint64_t(1) << 40, 0), 1u);
}

TEST(DevicePlanTest, RefusesWhatDoesNotFit) {
  emulatedCudaVariants();
  const ProgramRef program = makeProgram(load(everyGatePlan()));
  ComputeDevice device = openDevice("cuda");
  EXPECT_NE(describeDevice(device, program, DeviceUser::Server).find("whole passes there"),
            std::string::npos);
  EXPECT_NE(
      describeDevice(device, program, DeviceUser::Dealer, 3).find("for 3 records in the making"),
      std::string::npos);
  device.freeMemory = 1000;
  try {
    describeDevice(device, program, DeviceUser::Server);
    FAIL() << "planned into 1000 bytes";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Device);
    EXPECT_NE(std::string(error.what()).find("not enough memory"), std::string::npos);
  }
}

} // namespace
} // namespace gfs
