// SPDX-License-Identifier: Apache-2.0
// Weights and key files: modes, checksums, and every way to get them wrong.
#include "runtime/plan/Files.h"
#include "test/unit/plan/PlanRefusal.h"

#include <fstream>
#include <sys/stat.h>

namespace gfs {
namespace {

struct FilesTest : testing::Test {
  void SetUp() override {
    folder = std::filesystem::path(testing::TempDir()) /
             fmt::format("gfs-files-{}", plan::hex(plan::randomId()));
    std::filesystem::create_directory(folder);
    plan = plan::parsePlan(plan::serializePlan(everyGatePlan()), "plan.bin");
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  plan::PartyKey writeKey(const std::filesystem::path &path, Party party = Party::One) {
    plan::PartyKey key{party, plan::randomId(), SecretSeed::random()};
    StagedFiles files;
    plan::stagePartyKey(files, path, plan, key);
    files.commit();
    return key;
  }
  plan::DealerKey writeDealerKey(const std::filesystem::path &path) {
    plan::DealerKey key{plan::randomId(), {SecretSeed::random(), SecretSeed::random()}};
    StagedFiles files;
    plan::stageDealerKey(files, path, plan, key);
    files.commit();
    return key;
  }
  static void expectError(const std::function<void()> &body, ExitCode code,
                          const std::string &reason) {
    try {
      body();
      ADD_FAILURE() << "accepted, expected: " << reason;
    } catch (const Error &error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), testing::HasSubstr(reason));
      EXPECT_FALSE(error.hint().empty());
    }
  }
  static std::string bytesOf(const std::filesystem::path &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const std::filesystem::path &path, const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  std::filesystem::path folder;
  plan::LoadedPlan plan;
};

TEST_F(FilesTest, KeysRoundTripPrivately) {
  for (Party party : {Party::Zero, Party::One}) {
    auto path = folder / (party == Party::Zero ? "s0" : "s1");
    plan::PartyKey key = writeKey(path, party), back = plan::readPartyKey(path, plan);
    EXPECT_EQ(back.party, party);
    EXPECT_EQ(back.modelId, key.modelId);
    EXPECT_TRUE(
        std::equal(back.seed.bytes().begin(), back.seed.bytes().end(), key.seed.bytes().begin()));
    struct stat status = {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
  }
  plan::DealerKey dealer = writeDealerKey(folder / "dealer");
  plan::DealerKey back = plan::readDealerKey(folder / "dealer", plan);
  for (size_t i = 0; i < 2; ++i)
    EXPECT_TRUE(std::equal(back.seeds[i].bytes().begin(), back.seeds[i].bytes().end(),
                           dealer.seeds[i].bytes().begin()));
}

TEST_F(FilesTest, UnwritableFoldersAreNamed) {
  expectError([&] { writeKey(folder / "no" / "such" / "folder"); }, ExitCode::OutputUnwritable,
              "cannot be written");
}

TEST_F(FilesTest, TruncatedAndLongerFilesAreRefused) {
  writeKey(folder / "key");
  std::string bytes = bytesOf(folder / "key");
  for (size_t size = 0; size < bytes.size(); ++size) {
    write(folder / "cut", bytes.substr(0, size));
    expectError([&] { plan::readPartyKey(folder / "cut", plan); }, ExitCode::InvalidInput, "cut: ");
  }
  write(folder / "long", bytes + "x");
  expectError([&] { plan::readPartyKey(folder / "long", plan); }, ExitCode::InvalidInput,
              "bytes behind the end");
}

TEST_F(FilesTest, FlippedContentsAreRefused) {
  writeKey(folder / "key");
  std::string bytes = bytesOf(folder / "key");
  for (size_t back = 1; back <= SecretSeed::size; ++back) {
    std::string changed = bytes;
    changed[bytes.size() - back] ^= 0x10;
    write(folder / "flipped", changed);
    expectError([&] { plan::readPartyKey(folder / "flipped", plan); }, ExitCode::Integrity,
                "contents were changed");
  }
  for (size_t i = 0; i < bytes.size(); ++i)
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      write(folder / "flipped", changed);
      try {
        plan::readPartyKey(folder / "flipped", plan);
        ADD_FAILURE() << "bit " << bit << " of byte " << i << " is nobody's";
      } catch (const Error &error) {
        EXPECT_TRUE(error.code() == ExitCode::InvalidInput || error.code() == ExitCode::Integrity)
            << error.what();
      }
    }
}

TEST_F(FilesTest, FilesWithoutADigestOfTheirHeaderAreRead) {
  plan::PartyKey key = writeKey(folder / "key");
  std::string bytes = bytesOf(folder / "key");
  const size_t at = plan::companionMagic.size();
  const auto length = static_cast<uint8_t>(bytes[at]);
  constexpr unsigned field = 34; // the last one: tag, length, SHA-256
  bytes.erase(at + 4 + length - field, field);
  bytes[at] = static_cast<char>(length - field);
  write(folder / "before", bytes);
  EXPECT_EQ(plan::readPartyKey(folder / "before", plan).modelId, key.modelId);
}

TEST_F(FilesTest, OtherKindsAreNamed) {
  writeDealerKey(folder / "dealer");
  expectError([&] { plan::readPartyKey(folder / "dealer", plan); }, ExitCode::InvalidInput,
              "expects a file of kind key.s0 or key.s1, got key.dealer");
  write(folder / "text", "something entirely different");
  expectError([&] { plan::readDealerKey(folder / "text", plan); }, ExitCode::InvalidInput,
              "expects a file of kind key.dealer, got something else");
  expectError([&] { plan::readDealerKey(folder / "missing", plan); }, ExitCode::InputUnreadable,
              "cannot be read");
  expectError([&] { plan::readDealerKey(folder, plan); }, ExitCode::InputUnreadable,
              "is not a file");
}

TEST_F(FilesTest, OtherPlansAndModelsAreNamed) {
  plan::PartyKey key = writeKey(folder / "key");
  plan::Plan changed = everyGatePlan();
  changed.set_model("another");
  plan::LoadedPlan other = plan::parsePlan(plan::serializePlan(changed), "other.bin");
  expectError([&] { plan::readPartyKey(folder / "key", other); }, ExitCode::PlanMismatch,
              "belongs to another plan");
  EXPECT_NO_THROW(plan::requireModel(key.modelId, key.modelId, "key"));
  expectError([&] { plan::requireModel(key.modelId, plan::randomId(), "key"); },
              ExitCode::PlanMismatch, "belongs to model");
}

} // namespace
} // namespace gfs
