// SPDX-License-Identifier: Apache-2.0
// Every kernel variant makes the same bytes of the same seeds, material and inputs: records,
// messages, output shares. So servers with different CPUs or a GPU work together, and what is
// tested of one variant holds for all.
#include "test/unit/cuda/EmulatedDevice.h"
#include "test/unit/exec/RecordingChannel.h"
#include "test/unit/gates/GateTest.h"
#include "test/unit/kernels/EmulatedTiles.h"
#include "test/unit/plan/PlanRefusal.h"

#include <future>

namespace gfs {
namespace {

/// Packed shares of the inputs: zeros for server 0, `value` + position for server 1.
std::array<std::vector<SecretVector<uint8_t>>, 2> inputShares(const plan::Plan &plan,
                                                              int64_t value) {
  std::array<std::vector<SecretVector<uint8_t>>, 2> shares;
  const Ring ring{plan.ring_bits()};
  for (const plan::Port &port : plan.inputs()) {
    size_t count = plan::elements(plan.values(static_cast<int>(port.value())));
    for (auto &party : shares)
      party.emplace_back(packedBytes(count, ring.bits), uint8_t(0));
    Values values(count);
    for (size_t i = 0; i < count; ++i)
      values[i] = value + static_cast<int64_t>(i);
    ClearWords words = wordsOf(ring, values);
    visitWord(ring, [&]<class Word>() {
      availableKernels().front()->ring<Word>().pack(
          ring.bits, reinterpret_cast<const Word *>(words.data()), count, shares[1].back().data());
    });
  }
  return shares;
}

struct Bytes {
  std::array<std::vector<uint8_t>, 2> sent;
  std::array<std::vector<SecretVector<uint8_t>>, 2> outputs;
  bool operator==(const Bytes &) const = default;
};

/// A convolution with enough channels and pixels for matrix units, in rings of both word sizes.
plan::Plan wideConvPlan(unsigned ringBits, plan::WeightMode mode) {
  PlanBuilder b(ringBits, mode);
  uint32_t z = b.linear(b.open(b.input({1, 64, 5, 5})), makeConv(1, 64, 5, 24, 3, 1, 1), true);
  if (mode == plan::WEIGHTS_PUBLIC) { // The product is masked then.
    z = b.step({z}, {1, 24, 5, 5}, PlanBuilder::shared);
    b.plan.mutable_steps(b.plan.steps_size() - 1)->mutable_unmask();
  }
  b.output(z);
  return b.build();
}

/// Every variant with each number of threads against the first with one.
void compareVariants(const plan::Plan &plan, const std::vector<const Kernels *> &variants,
                     const std::vector<unsigned> &threadCounts) {
  std::vector<Values> weights;
  for (int id = 0; id < plan.weights_size(); ++id)
    weights.push_back(fixedValues(plan.weights(id).elements(), 6, 50 + static_cast<uint64_t>(id)));
  ProgramRef program = makeProgram(load(plan));
  const std::array<SecretSeed, 2> seeds = {SecretSeed::random(), SecretSeed::random()};
  const SecretSeed common = SecretSeed::random();
  const MaskedWeights masked =
      maskWeights(plan, clearWeights(plan, weights), seeds[0], seeds[1], plan::randomId());
  const plan::Id16 materialId = plan::randomId();
  std::array<SecretVector<uint8_t>, 2> records = {
      SecretVector<uint8_t>(program->recordBytes(Party::Zero)),
      SecretVector<uint8_t>(program->recordBytes(Party::One))};
  Dealer(program, seeds[0], seeds[1], masked.modelId, &masked)
      .deal(materialId, 0, records[0], records[1]);
  const auto inputs = inputShares(plan, 17);

  auto bytesOf = [&](const Kernels &kernels, unsigned threads = 1) {
    Bytes bytes;
    auto ends = makeInMemoryChannel();
    auto runParty = [&](Party party, std::unique_ptr<Channel> end) {
      const size_t i = index(party);
      PartyExecutor executor(program, masked, seeds[i], party, kernels, threads);
      RecordingChannel channel(std::move(end));
      Prepared prepared = executor.prepare(materialId, 0, SecretVector<uint8_t>(records[i]));
      bytes.outputs[i] = executor.run(std::move(prepared), channel, common, inputs[i]).outputs;
      bytes.sent[i] = std::move(channel.sent);
    };
    auto other =
        std::async(std::launch::async, [&] { runParty(Party::One, std::move(ends.second)); });
    runParty(Party::Zero, std::move(ends.first));
    other.get();
    return bytes;
  };

  const Bytes expected = bytesOf(*variants.front());
  ASSERT_FALSE(expected.sent[0].empty());
  for (const Kernels *variant : variants)
    for (unsigned threads : threadCounts)
      EXPECT_TRUE(bytesOf(*variant, threads) == expected)
          << variant->name << ", " << threads << " threads";
}

void compareVariants(const plan::Plan &plan) {
  // The first is the portable one.
  std::vector<const Kernels *> variants(availableKernels().begin(), availableKernels().end());
  std::ranges::copy(emulatedTileVariants(), std::back_inserter(variants));
  std::ranges::copy(emulatedCudaVariants(), std::back_inserter(variants));
  compareVariants(plan, variants, {1});
}

class VariantTest : public testing::TestWithParam<plan::WeightMode> {};

TEST_P(VariantTest, SendsTheSameBytes) { compareVariants(everyGatePlan(GetParam())); }
TEST_P(VariantTest, SendsTheSameBytesOnMatrixUnits) {
  compareVariants(wideConvPlan(29, GetParam()));
  compareVariants(wideConvPlan(47, GetParam()));
}

/// Layers of several ranges of channels, and values of several ranges of elements.
TEST_P(VariantTest, SendsTheSameBytesWithAnyNumberOfThreads) {
  const plan::Plan plan = everyGatePlan(GetParam(), 100, 10);
  compareVariants(plan, {availableKernels().front(), availableKernels().back()}, {1, 2, 5});
}

INSTANTIATE_TEST_SUITE_P(All, VariantTest,
                         testing::Values(plan::WEIGHTS_SHARED, plan::WEIGHTS_SERVER,
                                         plan::WEIGHTS_PUBLIC));

} // namespace
} // namespace gfs
