// SPDX-License-Identifier: Apache-2.0
// Weights: masking in every mode, and the files beside a plan.
#include "runtime/base/Error.h"
#include "test/unit/gates/GateTest.h"

#include <fstream>

namespace gfs {
namespace {

struct WeightsTest : testing::TestWithParam<std::tuple<unsigned, plan::WeightMode>> {
  void SetUp() override {
    auto [bits, mode] = GetParam();
    PlanBuilder b(bits, mode);
    uint32_t z = b.linear(b.open(b.input({3 * 25})), makeConv(1, 3, 5, 4, 3, 1, 1), true);
    if (mode == plan::WEIGHTS_PUBLIC) {
      z = b.step({z}, {100}, PlanBuilder::shared);
      b.latest().mutable_unmask();
    }
    b.output(z);
    loaded = load(b.build());
    values = {fixedValues(108, bits - 1, 1), fixedValues(4, bits - 1, 2)};
    clear = clearWeights(loaded.plan, values);
    folder =
        std::filesystem::path(testing::TempDir()) / ("gfs-weights-" + plan::hex(plan::randomId()));
    std::filesystem::create_directory(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  Values signedTensor(const WeightTable &table, uint32_t id) const {
    return signedOf(loaded.ring(), table.bytes(id));
  }

  plan::Id16 writeFiles(const std::filesystem::path &planPath) const {
    StagedFiles files;
    const plan::Id16 modelId = stageModelFiles(files, loaded, clear, planPath);
    files.commit();
    return modelId;
  }

  plan::LoadedPlan loaded;
  std::vector<Values> values;
  WeightTable clear;
  std::filesystem::path folder;
};

TEST_P(WeightsTest, MaskAndUnmask) {
  const SecretSeed seed0 = SecretSeed::random(), seed1 = SecretSeed::random();
  MaskedWeights masked = maskWeights(loaded.plan, clear, seed0, seed1, plan::randomId());
  const bool isPublic = loaded.plan.weight_mode() == plan::WEIGHTS_PUBLIC;
  EXPECT_EQ(signedTensor(masked.tensors, 0) == values[0], isPublic);
  WeightTable back = unmaskWeights(loaded.plan, masked, seed0, seed1);
  for (uint32_t id : {0u, 1u})
    EXPECT_EQ(signedTensor(back, id), values[id]);
  WeightTable wrong = unmaskWeights(loaded.plan, masked, SecretSeed::random(), seed1);
  EXPECT_EQ(signedTensor(wrong, 0) == values[0], isPublic);
}

TEST_P(WeightsTest, SharesOfTheServersAddUp) {
  const SecretSeed seed0 = SecretSeed::random(), seed1 = SecretSeed::random();
  MaskedWeights masked = maskWeights(loaded.plan, clear, seed0, seed1, plan::randomId());
  ServerWeights server0 = serverWeights(loaded.plan, masked, seed0, Party::Zero);
  ServerWeights server1 = serverWeights(loaded.plan, masked, seed1, Party::One);
  const bool hidden = loaded.plan.weight_mode() == plan::WEIGHTS_SHARED;
  for (uint32_t id : {0u, 1u}) {
    EXPECT_EQ(server1.share.bytes(id).empty(), !hidden);
    Values sum = signedTensor(server0.share, id);
    if (hidden) {
      EXPECT_NE(sum, values[id]);
      Values other = signedTensor(server1.share, id);
      for (size_t i = 0; i < sum.size(); ++i)
        sum[i] = loaded.ring().toSigned(
            (static_cast<uint64_t>(sum[i]) + static_cast<uint64_t>(other[i])) &
            loaded.ring().mask<uint64_t>());
    }
    EXPECT_EQ(sum, values[id]);
  }
}

TEST_P(WeightsTest, FilesRoundTrip) {
  auto planPath = folder / "net.bin";
  const plan::Id16 modelId = writeFiles(planPath);
  ModelPaths paths = ModelPaths::beside(planPath);
  EXPECT_EQ(paths.weights.filename(), "net.weights");
  EXPECT_EQ(paths.partyKey[1].filename(), "net.s1.key");
  EXPECT_EQ(paths.dealerKey.filename(), "net.dealer.key");
  MaskedWeights masked = readMaskedWeights(paths.weights, loaded);
  plan::DealerKey dealer = plan::readDealerKey(paths.dealerKey, loaded);
  EXPECT_EQ(masked.modelId, modelId);
  EXPECT_EQ(dealer.modelId, modelId);
  WeightTable back = unmaskWeights(loaded.plan, masked, dealer.seeds[0], dealer.seeds[1]);
  for (uint32_t id : {0u, 1u})
    EXPECT_EQ(signedTensor(back, id), values[id]);
  for (Party party : {Party::Zero, Party::One}) {
    plan::PartyKey key = plan::readPartyKey(paths.partyKey[index(party)], loaded);
    EXPECT_EQ(key.party, party);
    EXPECT_EQ(key.modelId, modelId);
    EXPECT_TRUE(std::equal(key.seed.bytes().begin(), key.seed.bytes().end(),
                           dealer.seeds[index(party)].bytes().begin()));
  }
}

TEST_P(WeightsTest, OnlyTheirOwnerReadsWeightsInClear) {
  auto planPath = folder / "net.bin";
  writeFiles(planPath);
  const auto mode = std::filesystem::status(ModelPaths::beside(planPath).weights).permissions();
  const bool othersRead =
      (mode & (std::filesystem::perms::group_all | std::filesystem::perms::others_all)) !=
      std::filesystem::perms::none;
  EXPECT_EQ(othersRead, loaded.plan.weight_mode() != plan::WEIGHTS_PUBLIC);
}

TEST_P(WeightsTest, ForeignAndDamagedWeightsAreRefused) {
  auto planPath = folder / "net.bin";
  writeFiles(planPath);
  auto path = ModelPaths::beside(planPath).weights;
  auto codeOf = [&](const plan::LoadedPlan &plan) {
    try {
      readMaskedWeights(path, plan);
      return ExitCode::Ok;
    } catch (const Error &error) {
      return error.code();
    }
  };
  plan::Plan other = loaded.plan;
  other.set_model("another");
  EXPECT_EQ(codeOf(load(other)), ExitCode::PlanMismatch);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-1, std::ios::end);
  auto last = static_cast<char>(file.get());
  file.seekp(-1, std::ios::end);
  file.put(static_cast<char>(last ^ 1));
  file.close();
  EXPECT_EQ(codeOf(loaded), ExitCode::Integrity);
}

INSTANTIATE_TEST_SUITE_P(All, WeightsTest,
                         testing::Combine(testing::Values(17u, 32u, 47u),
                                          testing::Values(plan::WEIGHTS_SHARED,
                                                          plan::WEIGHTS_SERVER,
                                                          plan::WEIGHTS_PUBLIC)));

} // namespace
} // namespace gfs
