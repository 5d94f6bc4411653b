// SPDX-License-Identifier: Apache-2.0
// gfsdeal's work: complete sets, interrupted sets, and sets that must not be touched.
#include "runtime/exec/Dealer.h"
#include "runtime/exec/DevicePlan.h"
#include "runtime/material/MaterialFile.h"
#include "test/unit/cuda/EmulatedDevice.h"
#include "test/unit/material/ReadRecord.h"
#include "test/unit/serve/Deployment.h"

using namespace gfs;
using namespace gfs::testing;

namespace {

class DealingTest : public ::testing::Test {
protected:
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

  /// The files hold what a dealer on the CPU makes for their material id.
  void expectRecordsOfTheCpu() const {
    const serve::DealOptions options = deployment.dealOptions(8);
    const plan::DealerKey key = plan::readDealerKey(options.dealerKey, deployment.loaded);
    Dealer dealer(makeProgram(deployment.loaded), key.seeds[0], key.seeds[1], key.modelId);
    const MaterialReader zero(material(Party::Zero), key.seeds[0]),
        one(material(Party::One), key.seeds[1]);
    dealer.useSeeds(*zero.setSeed(), *one.setSeed());
    for (uint64_t serial = 0; serial < zero.info().records; ++serial) {
      SecretVector<uint8_t> record0(dealer.recordBytes(Party::Zero)),
          record1(dealer.recordBytes(Party::One));
      dealer.deal(zero.info().materialId, serial, record0, record1);
      EXPECT_EQ(readRecord(zero, serial), record0) << serial;
      EXPECT_EQ(readRecord(one, serial), record1) << serial;
    }
  }

  Deployment deployment;
};

} // namespace

TEST_F(DealingTest, LongLivedKeysAloneGiveNoMasks) {
  const plan::DealerKey key =
      plan::readDealerKey(deployment.dealOptions(8).dealerKey, deployment.loaded);
  const Dealer old(makeProgram(deployment.loaded), key.seeds[0], key.seeds[1], key.modelId);
  const MaterialReader zero(material(Party::Zero), key.seeds[0]),
      one(material(Party::One), key.seeds[1]);
  SecretVector<uint8_t> record0(old.recordBytes(Party::Zero)), record1(old.recordBytes(Party::One));
  old.deal(one.info().materialId, 0, record0, record1);
  EXPECT_NE(std::pair(readRecord(zero, 0), readRecord(one, 0)), std::pair(record0, record1))
      << "dealt from the keys of the plan, not from the set's";
  SecretVector<uint8_t> sealed(one.info().recordBytes());
  std::ifstream file(material(Party::One), std::ios::binary);
  file.seekg(-static_cast<std::streamoff>(sealed.size()), std::ios::end);
  file.read(reinterpret_cast<char *>(sealed.data()), static_cast<std::streamsize>(sealed.size()));
  EXPECT_FALSE(RecordCipher(key.seeds[1], one.info()).open(7, sealed));
}

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
  for (Party made : {Party::Zero, Party::One}) {
    cut(made, 0);
    std::filesystem::remove(material(peerOf(made)));
    const plan::Id16 before = readMaterialInfo(material(made)).materialId;
    serve::DealOptions options = deployment.dealOptions(8);
    options.resume = true;
    EXPECT_EQ(serve::deal(options).dealt, 8u);
    EXPECT_NE(readMaterialInfo(material(made)).materialId, before) << "nothing of it is shared";
  }
  expectUsable();
}

// One record of both halves must never come from two runs: under the same masks, with other values.
TEST_F(DealingTest, AHalfThatIsGoneIsNotDealtAgain) {
  serve::DealOptions options = deployment.dealOptions(8);
  options.resume = true;
  for (Party gone : {Party::Zero, Party::One}) {
    const std::filesystem::path away = material(gone).string() + ".away";
    const MaterialInfo before = readMaterialInfo(material(peerOf(gone)));
    std::filesystem::rename(material(gone), away);
    expectError(errorOf([&] { serve::deal(options); }), ExitCode::MaterialReuse,
                material(gone).string() + ": is missing beside");
    EXPECT_FALSE(std::filesystem::exists(material(gone)));
    EXPECT_EQ(readMaterialInfo(material(peerOf(gone))), before);
    std::filesystem::rename(away, material(gone));
  }
  // Nor what is missing of it, where the other half is one that a server may have taken.
  cut(Party::One, 6);
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::MaterialReuse,
              "s1.material: holds 6 records of 8, and ");
  options.resume = false;
  options.replace = true;
  serve::deal(options);
  expectUsable();
}

TEST_F(DealingTest, HalvesOfDifferentSetsAreNotContinued) {
  const std::filesystem::path kept = deployment.folder / "kept";
  std::filesystem::rename(material(Party::One), kept);
  deployment.deal(8, true);
  std::filesystem::rename(kept, material(Party::One));
  serve::DealOptions options = deployment.dealOptions(8);
  options.resume = true;
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::PlanMismatch, "with another half");
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  one.join();
  expectError(one.error, ExitCode::PlanMismatch, "the two servers have different material sets");
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

TEST_F(DealingTest, LeavesNoHalfOfASetBehind) {
  // The second file cannot be made: nor is the first.
  serve::DealOptions options = deployment.dealOptions(8);
  options.outputs[0] = deployment.material(Party::Zero);
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::OutputUnwritable,
              "s1.material: exists already");
  EXPECT_TRUE(std::filesystem::is_empty(deployment.material(Party::Zero)));
  // No disk is that large.
  options = deployment.dealOptions(uint64_t(1) << 50);
  options.outputs = {deployment.folder / "a.material", deployment.folder / "b.material"};
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::OutputUnwritable, "are free");
  EXPECT_FALSE(std::filesystem::exists(deployment.folder / "a.material"));
  // --force replaces material, not what it is made from.
  options = deployment.dealOptions(8);
  options.replace = true;
  options.outputs[1] = options.plan;
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::Usage,
              "would replace a file that this command reads");
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

// Groups of three, the last one smaller; then a set that was interrupted in the middle of a group.
TEST_F(DealingTest, DealsOnAGpu) {
  emulatedCudaVariants();
  serve::DealOptions options = deployment.dealOptions(8);
  options.replace = true;
  options.device = "cuda";
  options.group = 3;
  options.threads = 2;
  const serve::DealSummary summary = serve::deal(options);
  EXPECT_EQ(summary.dealt, 8u);
  EXPECT_NE(summary.device.find("whole records there"), std::string::npos) << summary.device;
  EXPECT_NE(summary.device.find("for 3 records in the making"), std::string::npos);
  expectRecordsOfTheCpu();

  cut(Party::Zero, 5);
  cut(Party::One, 4);
  options.replace = false;
  options.resume = true;
  options.group = 0;
  EXPECT_EQ(serve::deal(options).dealt, 4u);
  expectRecordsOfTheCpu();
  expectUsable();
}

TEST_F(DealingTest, SaysWhatIsWrongWithTheDevice) {
  emulatedCudaVariants();
  serve::DealOptions options = deployment.dealOptions(8);
  options.replace = true;
  options.device = "tpu";
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::Usage, "--device tpu: unknown");
  options.device = "cuda:5";
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::Device, "there are 1 GPUs");
  options.device = "cuda";
  options.group = 100'000'000;
  expectError(errorOf([&] { serve::deal(options); }), ExitCode::Device, "not enough memory");
  expectUsable(); // nothing was replaced
}
