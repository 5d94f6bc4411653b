// SPDX-License-Identifier: Apache-2.0
// plan.bin to memory and back.
#include "runtime/plan/Files.h"
#include "test/unit/plan/PlanRefusal.h"

#include <fstream>

namespace gfs {
namespace {

TEST(PlanTest, RoundTripsByteForByte) {
  std::string bytes = plan::serializePlan(everyGatePlan());
  plan::LoadedPlan loaded = plan::parsePlan(bytes, "test.bin");
  EXPECT_EQ(plan::serializePlan(loaded.plan), bytes);
  EXPECT_EQ(loaded.hash,
            plan::sha256({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()}));
  EXPECT_EQ(loaded.ring().bits, 32u);
}

TEST(PlanTest, HashIsSha256) {
  const std::string text = "abc"; // FIPS 180-4 example
  EXPECT_EQ(plan::hex(plan::sha256({reinterpret_cast<const uint8_t *>(text.data()), text.size()})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(PlanTest, RefusesEveryTruncation) {
  std::string bytes = plan::serializePlan(everyGatePlan());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(plan::parsePlan(std::string_view(bytes).substr(0, size), "test.bin"), Error)
        << size;
}

TEST(PlanTest, SurvivesEveryFlippedByte) {
  // A flipped byte may give another valid plan (a name, a scale), but never a crash or another kind
  // of exception.
  std::string bytes = plan::serializePlan(everyGatePlan());
  for (size_t i = 0; i < bytes.size(); ++i)
    for (char flip : {'\x01', '\x80', '\xff'}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      try {
        plan::LoadedPlan loaded = plan::parsePlan(changed, "test.bin");
        EXPECT_NE(loaded.hash, plan::parsePlan(bytes, "test.bin").hash);
      } catch (const Error &error) {
        EXPECT_EQ(error.code(), ExitCode::InvalidInput) << error.what();
      }
    }
}

TEST(PlanTest, NamesForeignFiles) {
  try {
    plan::parsePlan("\x7f"
                    "ELF and more",
                    "a.out");
    FAIL();
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "a.out: not a plan (it does not begin with GFSPLAN1)");
  }
}

TEST(PlanTest, MissingFileIsUnreadable) {
  try {
    plan::readPlan(testing::TempDir() + "no-such-plan.bin");
    FAIL();
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::InputUnreadable);
  }
}

TEST(PlanTest, ReadsFromDisk) {
  std::string path = testing::TempDir() + "gfs-plan-test.bin",
              bytes = plan::serializePlan(everyGatePlan());
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_EQ(plan::readPlan(path).hash, plan::parsePlan(bytes, path).hash);
  std::filesystem::remove(path);
}

TEST(PlanTest, DescribesSteps) {
  plan::Plan plan = everyGatePlan();
  plan.mutable_steps(3)->set_name("conv1");
  EXPECT_EQ(plan::describeStep(plan, 3), "conv1 (Linear)");
  EXPECT_EQ(plan::describeStep(plan, 0), "step 0 (Input)");
}

TEST(PlanTest, CountsOneHotLevels) {
  EXPECT_EQ(plan::oneHotLevels(4), 0u);
  EXPECT_EQ(plan::oneHotLevels(5), 1u);
  EXPECT_EQ(plan::oneHotLevels(9), 2u);
  EXPECT_EQ(plan::oneHotLevels(32), 3u);
  EXPECT_EQ(plan::oneHotLevels(33), 4u);
}

} // namespace
} // namespace gfs
