// SPDX-License-Identifier: Apache-2.0
// gfsdeal's work: complete sets, interrupted sets, and sets that must not be touched.
#include "test/unit/serve/Deployment.h"

using namespace gfs;
using namespace gfs::testing;

namespace {

class DealingTest : public ::testing::Test {
protected:
  template <class F> static std::optional<Error> errorOf(F &&body) {
    try {
      body();
    } catch (const Error &error) {
      return error;
    }
    return std::nullopt;
  }
  std::filesystem::path material(Party party) const { return deployment.files(party).material; }
  void cut(Party party, uint64_t records) const {
    MaterialInfo info = readMaterialInfo(material(party));
    uint64_t headerBytes =
        std::filesystem::file_size(material(party)) - info.records * info.recordBytes();
    std::filesystem::resize_file(material(party), headerBytes + records * info.recordBytes());
  }
  void expectUsable() const {
    RunningServer zero(deployment, Party::Zero, quick());
    RunningServer one(deployment, Party::One, quick(zero.address()));
    serve::Client client(deployment.loaded, clientOf(zero.address(), one.address()));
    for (int64_t i = 0; i < 8; ++i) {
      std::vector<int64_t> x = {i, 2, 3, -4};
      EXPECT_EQ(infer(client, deployment, x), deployment.expected(x)) << "record " << i;
    }
  }

  Deployment deployment;
};

} // namespace

TEST_F(DealingTest, MakesMatchingFiles) {
  MaterialInfo zero = readMaterialInfo(material(Party::Zero)),
               one = readMaterialInfo(material(Party::One));
  EXPECT_EQ(zero.materialId, one.materialId);
  EXPECT_EQ(zero.planHash, deployment.loaded.hash);
  EXPECT_EQ(zero.records, 8u);
  expectUsable();
}

TEST_F(DealingTest, ContinuesAfterAnInterruption) {
  cut(Party::Zero, 5);
  cut(Party::One, 3);
  auto before = readMaterialInfo(material(Party::Zero)).materialId;
  serve::DealOptions options = deployment.dealOptions(8);
  options.resume = true;
  serve::DealSummary summary = serve::deal(options);
  EXPECT_EQ(summary.kept, 3u);
  EXPECT_EQ(summary.dealt, 5u);
  EXPECT_EQ(readMaterialInfo(material(Party::One)).materialId, before);
  expectUsable();
}

TEST_F(DealingTest, ContinuesIfTheSecondFileWasNeverMade) {
  cut(Party::Zero, 0);
  std::filesystem::remove(material(Party::One));
  serve::DealOptions options = deployment.dealOptions(8);
  options.resume = true;
  EXPECT_EQ(serve::deal(options).dealt, 8u);
  expectUsable();
}

TEST_F(DealingTest, ResumingACompleteSetDoesNothing) {
  serve::DealOptions options = deployment.dealOptions(8);
  options.resume = true;
  serve::DealSummary summary = serve::deal(options);
  EXPECT_EQ(summary.dealt, 0u);
  EXPECT_EQ(summary.kept, 8u);
}

TEST_F(DealingTest, RefusesToTouchWhatIsThere) {
  expectError(errorOf([&] { deployment.deal(8); }), ExitCode::OutputUnwritable, "exists already");
  serve::DealOptions options = deployment.dealOptions(9);
  options.resume = true;
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::PlanMismatch,
              "another plan, key or number of records");
  {
    serve::Engine engine(deployment.files(Party::One), Party::One);
    engine.load(0);
    engine.claim(0);
  }
  options.records = 8;
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::MaterialReuse,
              "a server has used this material");
}

TEST_F(DealingTest, RefusesWrongFilesAndFlags) {
  Deployment other;
  serve::DealOptions options = deployment.dealOptions(1);
  options.outputs[1] = options.outputs[0];
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::Usage, "the same file");
  options = deployment.dealOptions(0);
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::Usage, "at least one record");
  options = deployment.dealOptions(1);
  options.dealerKey = deployment.files(Party::Zero).key;
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::InvalidInput,
              options.dealerKey.string());
  options.dealerKey = deployment.folder / "missing.key";
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::InputUnreadable, "missing.key");
}
