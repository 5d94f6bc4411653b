// SPDX-License-Identifier: Apache-2.0
#include "runtime/cost/MachineProfile.h"

#include "runtime/base/Error.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace gfs;

TEST(MachineProfile, IsReadAsWritten) {
  MachineProfile machine = MachineProfile::standard();
  machine.cpu = "a \"quoted\" name";
  machine.multiplicationNs[2][1] = 0.125;
  machine.exchanges[2] = {31.5, 0.75};
  MachineProfile read = parseMachineProfile(machineProfileText(machine), "here");
  EXPECT_EQ(read.cpu, machine.cpu);
  EXPECT_EQ(read.kernels, machine.kernels);
  EXPECT_EQ(read.multiplicationNs, machine.multiplicationNs);
  EXPECT_EQ(read.unitNs, machine.unitNs);
  EXPECT_EQ(read.exchanges[2].nsPerByte, 0.75);
  EXPECT_EQ(machineProfileText(read), machineProfileText(machine));
}

TEST(MachineProfile, RingsHaveTheClassOfTheLeastThatHoldsThem) {
  EXPECT_EQ(ringClass(1), 0u);
  for (size_t ring = 0; ring < ringClassBits.size(); ++ring) {
    EXPECT_EQ(ringClass(ringClassBits[ring]), ring);
    EXPECT_EQ(ringClassNames[ring], std::to_string(ringClassBits[ring]));
    if (ring > 0)
      EXPECT_EQ(ringClass(ringClassBits[ring - 1] + 1), ring);
  }
}

TEST(MachineProfile, StandardIsComplete) {
  MachineProfile machine = MachineProfile::standard();
  EXPECT_GT(machine.phaseNs, 0);
  EXPECT_GT(machine.aesBlockNs, 0);
  for (const char *work : workNames) {
    ASSERT_TRUE(machine.unitNs.contains(work)) << work;
    EXPECT_GT(machine.unitNs[work][0], 0) << work;
    EXPECT_GT(machine.unitNs[work][1], 0) << work;
  }
  for (const auto &shape : machine.multiplicationNs)
    for (double ns : shape)
      EXPECT_GT(ns, 0);
  for (const auto &exchange : machine.exchanges)
    EXPECT_GT(exchange.fixedUs, 0);
}

TEST(MachineProfile, RefusesWhatIsNoMachine) {
  const nlohmann::json whole =
      nlohmann::json::parse(machineProfileText(MachineProfile::standard()));
  auto expectRefusal = [](const std::string &text, const std::string &cause) {
    try {
      parseMachineProfile(text, "m.json");
      FAIL() << cause;
    } catch (const Error &error) {
      EXPECT_EQ(error.code(), ExitCode::InvalidInput);
      EXPECT_NE(std::string(error.what()).find(cause), std::string::npos) << error.what();
      EXPECT_NE(error.hint().find("--calibrate"), std::string::npos);
    }
  };
  auto changed = [&](const char *pointer, nlohmann::json value) {
    nlohmann::json copy = whole;
    copy[nlohmann::json::json_pointer(pointer)] = std::move(value);
    return copy.dump();
  };
  expectRefusal("", "is no machine file");
  expectRefusal("[1, 2]", "is no machine file");
  expectRefusal("{\"gfs_machine\": ", "is no machine file");
  expectRefusal(changed("/gfs_machine", 99), "another version");
  expectRefusal(changed("/phase_ns", -1), "phase_ns");
  expectRefusal(changed("/aes_block_ns", "fast"), "aes_block_ns");
  expectRefusal(changed("/unit_ns/open", 3), "unit_ns.open.32");
  expectRefusal(changed("/exchange/tls", nlohmann::json::object()), "exchange.tls.fixed_us");
  expectRefusal(changed("/multiplication_ns/dense/52", nullptr), "multiplication_ns.dense.52");
}

TEST(MachineProfile, NamesUnreadableAndUnwritableFiles) {
  try {
    readMachineProfile("/nowhere/machine.json");
    FAIL();
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::InputUnreadable);
  }
  try {
    writeMachineProfile(MachineProfile::standard(), "/nowhere/machine.json");
    FAIL();
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::OutputUnwritable);
  }
}
