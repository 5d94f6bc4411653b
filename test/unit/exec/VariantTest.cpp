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
  std::array<RunReport, 2> report;
  std::array<unsigned, 2> parts{}; ///< Of all messages, with RecordingParts.
  bool operator==(const Bytes &other) const {
    return sent == other.sent && outputs == other.outputs;
  }
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

MaskedWeights testWeights(const plan::Plan &plan, const std::array<SecretSeed, 2> &seeds) {
  std::vector<Values> weights;
  for (int id = 0; id < plan.weights_size(); ++id)
    weights.push_back(fixedValues(plan.weights(id).elements(), 6, 50 + static_cast<uint64_t>(id)));
  return maskWeights(plan, clearWeights(plan, weights), seeds[0], seeds[1], plan::randomId());
}

/// A network of one plan with material for some requests, to be run on any kernels.
class Network {
public:
  Network(const plan::Plan &plan, size_t requests) : program(makeProgram(load(plan))) {
    masked = testWeights(plan, seeds);
    const Dealer dealer(program, seeds[0], seeds[1], masked.modelId, &masked);
    for (size_t i = 0; i < requests; ++i) {
      auto &pair = records.emplace_back();
      for (Party party : {Party::Zero, Party::One})
        pair[index(party)].resize(program->recordBytes(party));
      dealer.deal(materialId, i, pair[0], pair[1]);
      inputs.push_back(inputShares(plan, 17 + static_cast<int64_t>(i)));
      commons.push_back(SecretSeed::random());
    }
  }

  PartyExecutor executor(Party party, const Kernels &kernels, unsigned threads = 1) const {
    return PartyExecutor(program, masked, seeds[index(party)], party, kernels, threads);
  }

  /// What the two servers send and give to clients when they run all requests as one group, the
  /// first `ahead` of them prepared one by one before.
  template <class Recording = RecordingChannel>
  Bytes run(const PartyExecutor &server0, const PartyExecutor &server1, size_t ahead = 100,
            bool failsToPull = false) const {
    Bytes bytes;
    auto ends = makeInMemoryChannel();
    auto runParty = [&](const PartyExecutor &executor, std::unique_ptr<Channel> end) {
      const size_t i = index(executor.party());
      Recording channel(std::move(end));
      if constexpr (std::is_same_v<Recording, RecordingParts>)
        channel.failsToPull = failsToPull;
      std::vector<GroupMember> members;
      for (size_t request = 0; request < records.size(); ++request)
        members.push_back({request < ahead
                               ? prepareOne(executor, materialId, request, records[request][i])
                               : executor.begin(materialId, request, parts(executor, request)),
                           &commons[request], inputs[request][i]});
      for (RunResult &result : executor.runGroup(std::move(members), channel)) {
        std::ranges::move(result.outputs, std::back_inserter(bytes.outputs[i]));
        bytes.report[i] = std::move(result.report);
      }
      bytes.sent[i] = std::move(channel.sent);
      if constexpr (std::is_same_v<Recording, RecordingParts>)
        bytes.parts[i] = channel.parts;
    };
    auto other = std::async(std::launch::async, [&] { runParty(server1, std::move(ends.second)); });
    runParty(server0, std::move(ends.first));
    other.get();
    return bytes;
  }
  Bytes run(const Kernels &kernels, unsigned threads = 1) const {
    return run(executor(Party::Zero, kernels, threads), executor(Party::One, kernels, threads));
  }

private:
  RecordParts parts(const PartyExecutor &executor, size_t request) const {
    RecordParts made;
    auto from = records[request][index(executor.party())].begin();
    for (uint64_t bytes : executor.recordPartBytes()) {
      made.emplace_back(from, from + static_cast<ptrdiff_t>(bytes));
      from += static_cast<ptrdiff_t>(bytes);
    }
    return made;
  }

  ProgramRef program;
  const std::array<SecretSeed, 2> seeds = {SecretSeed::random(), SecretSeed::random()};
  MaskedWeights masked;
  const plan::Id16 materialId = plan::randomId();
  std::vector<std::array<SecretVector<uint8_t>, 2>> records;
  std::vector<std::array<std::vector<SecretVector<uint8_t>>, 2>> inputs;
  std::vector<SecretSeed> commons;
};

/// Every variant with each number of threads against the first with one.
void compareVariants(const plan::Plan &plan, const std::vector<const Kernels *> &variants,
                     const std::vector<unsigned> &threadCounts) {
  const Network network(plan, 1);
  const Bytes expected = network.run(*variants.front());
  ASSERT_FALSE(expected.sent[0].empty());
  for (const Kernels *variant : variants)
    for (unsigned threads : threadCounts)
      EXPECT_TRUE(network.run(*variant, threads) == expected)
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

// Members on threads of their own where there are enough, else threads within a layer.
TEST_P(VariantTest, GroupsSendTheSameBytesWithAnyNumberOfThreads) {
  const Network three(everyGatePlan(GetParam(), 100, 10), 3);
  const Bytes expected = three.run(bestKernels());
  for (unsigned threads : {2U, 3U, 5U})
    EXPECT_TRUE(three.run(bestKernels(), threads) == expected) << threads << " threads";
}

// All members in one launch; and again, with launches that were recorded and memory that was used.
TEST_P(VariantTest, GroupsOnAGpuSendTheSameBytes) {
  const Network three(everyGatePlan(GetParam()), 3);
  const Kernels &gpu = *emulatedCudaVariants().front();
  const PartyExecutor server0 = three.executor(Party::Zero, gpu),
                      server1 = three.executor(Party::One, gpu);
  EXPECT_TRUE(server0.runsOnDevice());
  const Bytes expected = three.run(bestKernels());
  for (const char *how : {"launched", "recorded", "replayed"})
    EXPECT_TRUE(three.run(server0, server1) == expected) << how;
  EXPECT_TRUE(three.run(server0, three.executor(Party::One, bestKernels())) == expected)
      << "a GPU with a CPU";
}

// Those that are not prepared when the group comes are prepared in the same launches.
TEST_P(VariantTest, RequestsPreparedTogetherOnAGpuSendTheSameBytes) {
  const Kernels &gpu = *emulatedCudaVariants().front();
  for (const plan::Plan &plan : {everyGatePlan(GetParam()), wideConvPlan(47, GetParam())}) {
    const Network four(plan, 4);
    const PartyExecutor server0 = four.executor(Party::Zero, gpu),
                        server1 = four.executor(Party::One, gpu);
    const Bytes expected = four.run(bestKernels());
    for (size_t ahead : {0, 0, 1, 3})
      EXPECT_TRUE(four.run(server0, server1, ahead) == expected) << ahead << " ahead";
  }
}

// Messages of several parts travel while the next part comes from the GPU; the bytes are the same,
// also if the other server has a CPU. Errors end the pass, not the executor.
TEST_P(VariantTest, LargeMessagesTravelInParts) {
  PlanBuilder b(29, GetParam());
  uint32_t x = b.open(b.input({1, 3, 256, 256})); // 712,704 bytes: three parts
  uint32_t z = b.step({x}, {1, 3, 256, 256}, PlanBuilder::shared);
  b.plan.mutable_steps(b.plan.steps_size() - 1)->mutable_unmask();
  b.output(z);
  const Network one(b.build(), 1);
  const Kernels &gpu = *emulatedCudaVariants().front();
  const PartyExecutor gpu0 = one.executor(Party::Zero, gpu), gpu1 = one.executor(Party::One, gpu);
  const Bytes expected = one.run(bestKernels());
  EXPECT_THROW(one.run<RecordingParts>(gpu0, gpu1, 1, true), Error);
  for (int round = 0; round < 3; ++round) {
    const Bytes bytes = one.run<RecordingParts>(gpu0, gpu1);
    EXPECT_TRUE(bytes == expected) << round;
    EXPECT_EQ(bytes.parts, (std::array<unsigned, 2>{3, 3}));
  }
  EXPECT_TRUE(one.run(gpu0, one.executor(Party::One, bestKernels())) == expected);
}

// Times of steps by the GPU's clock; what is sent does not change, nor do later groups.
TEST_P(VariantTest, TimesStepsOnAGpu) {
  const plan::Plan plan = everyGatePlan(GetParam());
  const Network two(plan, 2);
  const Program program(load(plan));
  PartyExecutor server0 = two.executor(Party::Zero, *emulatedCudaVariants().front());
  const PartyExecutor server1 = two.executor(Party::One, bestKernels());
  const Bytes expected = two.run(bestKernels());
  for (bool timed : {false, true, true, false}) {
    server0.timeSteps(timed);
    const Bytes bytes = two.run(server0, server1);
    EXPECT_TRUE(bytes == expected) << timed;
    const RunReport &report = bytes.report[0];
    ASSERT_EQ(report.transferSeconds.size(), program.steps());
    for (uint32_t step = 0; step < program.steps(); ++step) {
      EXPECT_GT(report.evaluateSeconds[step], 0) << step;
      const bool sends = !program.cost(step).messageBytes.empty();
      EXPECT_EQ(report.transferSeconds[step] > 0, timed && sends) << step;
    }
  }
}

TEST_P(VariantTest, AGpuDealsTheSameBytes) {
  for (const plan::Plan &plan : {everyGatePlan(GetParam()), everyGatePlan(GetParam(), 100, 10),
                                 wideConvPlan(29, GetParam()), wideConvPlan(47, GetParam())}) {
    const ProgramRef program = makeProgram(load(plan));
    // Launched, recorded, replayed; in memory for more.
    expectSameRecords(program, testWeights(plan, {}), *emulatedCudaVariants().front(),
                      {1, 3, 3, 3, 2});
  }
}

TEST_P(VariantTest, GroupsOnMatrixUnitsSendTheSameBytes) {
  for (unsigned ringBits : {29u, 47u}) {
    const Network two(wideConvPlan(ringBits, GetParam()), 2);
    EXPECT_TRUE(two.run(*emulatedCudaVariants().front()) == two.run(bestKernels())) << ringBits;
  }
}

INSTANTIATE_TEST_SUITE_P(All, VariantTest,
                         testing::Values(plan::WEIGHTS_SHARED, plan::WEIGHTS_SERVER,
                                         plan::WEIGHTS_PUBLIC));

} // namespace
} // namespace gfs
