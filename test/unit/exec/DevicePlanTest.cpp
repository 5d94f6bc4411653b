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
    EXPECT_GE(taken, (planned.peakBytes() - planned.scratchBytes) * 8 / 10);
  }
  EXPECT_LE(device.freeMemory - openDevice("cuda").freeMemory, planned.scratchBytes)
      << "all but the dealer's lanes is given back";
}

TEST(DevicePlanTest, RefusesWhatDoesNotFit) {
  emulatedCudaVariants();
  const ProgramRef program = makeProgram(load(everyGatePlan()));
  ComputeDevice device = openDevice("cuda");
  EXPECT_NE(describeDevice(device, program, DeviceUser::Server).find("whole passes there"),
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
