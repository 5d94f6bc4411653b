// SPDX-License-Identifier: Apache-2.0
// Whole plans: servers equal the reference, costs equal what was counted, wrong records and inputs
// are refused.
#include "runtime/base/Error.h"
#include "test/unit/gates/GateTest.h"
#include "test/unit/plan/PlanRefusal.h"

#include <future>

namespace gfs {
namespace {

std::vector<Values> weightsOf(const plan::Plan &plan) {
  std::vector<Values> weights;
  for (int id = 0; id < plan.weights_size(); ++id)
    weights.push_back(fixedValues(plan.weights(id).elements(), 6, 50 + static_cast<uint64_t>(id)));
  return weights;
}

/// One model with both servers, for tests that run them step by step.
struct Deployment {
  ProgramRef program;
  SecretSeed seed0 = SecretSeed::random(), seed1 = SecretSeed::random(),
             common = SecretSeed::random();
  plan::Id16 materialId = plan::randomId();
  WeightTable clear;
  MaskedWeights masked;
  Dealer dealer;
  PartyExecutor party0, party1;

  explicit Deployment(const plan::Plan &plan)
      : program(makeProgram(load(plan))), clear(clearWeights(plan, weightsOf(plan))),
        masked(maskWeights(plan, clear, seed0, seed1, plan::randomId())),
        dealer(program, seed0, seed1, masked.modelId, &masked),
        party0(program, masked, seed0, Party::Zero), party1(program, masked, seed1, Party::One) {}

  std::array<SecretVector<uint8_t>, 2> deal(uint64_t serial) const {
    std::array<SecretVector<uint8_t>, 2> records = {
        SecretVector<uint8_t>(program->recordBytes(Party::Zero)),
        SecretVector<uint8_t>(program->recordBytes(Party::One))};
    dealer.deal(materialId, serial, records[0], records[1]);
    return records;
  }
};

struct ExecutorTest : testing::TestWithParam<std::tuple<const Kernels *, plan::WeightMode>> {};

TEST_P(ExecutorTest, EveryGateTogether) {
  auto [kernels, mode] = GetParam();
  plan::Plan plan = everyGatePlan(mode);
  runPlan(plan, weightsOf(plan), {fixedValues(144, 8, 1), fixedValues(144, 8, 2)}, *kernels);
}

INSTANTIATE_TEST_SUITE_P(
    All, ExecutorTest,
    testing::Combine(testing::ValuesIn(availableKernels().begin(), availableKernels().end()),
                     testing::Values(plan::WEIGHTS_SHARED, plan::WEIGHTS_SERVER,
                                     plan::WEIGHTS_PUBLIC)));

TEST(ExecutorPlanTest, SharedMemoryGivesTheSameAnswer) {
  // Values of a chain alternate between two places.
  PlanBuilder b(27);
  uint32_t x = b.input({700});
  for (int layer = 0; layer < 6; ++layer) {
    x = b.open(x);
    x = b.step({x}, {700}, PlanBuilder::shared);
    b.latest().mutable_square()->set_shift(5);
  }
  b.output(x);
  plan::Plan plan = b.build();
  for (int id = 0; id < plan.values_size(); ++id)
    plan.mutable_values(id)->set_offset(700 * static_cast<uint64_t>(id % 2));
  plan.set_arena_words(1400);
  runPlan(plan, {}, {fixedValues(700, 10, 3)}, bestKernels());
}

TEST(ExecutorPlanTest, IndependentStepsShareExchanges) {
  PlanBuilder b(32);
  for (int branch = 0; branch < 5; ++branch)
    b.output(b.relu(b.open(b.input({9})), 4, 3, 10, plan::SignWindow::TABLE));
  Program program(load(b.build()));
  PlanCost cost = planCost(program);
  EXPECT_EQ(cost.exchanges, 2u);
  EXPECT_EQ(cost.messageBytes, 5 * (9 * 4 + 2u));
  std::vector<Values> inputs(5, fixedValues(9, 9, 4));
  runPlan(program.plan(), {}, inputs, bestKernels());
}

TEST(ExecutorPlanTest, RecordsHoldExactlyWhatGatesDeal) {
  Deployment d(everyGatePlan());
  PlanCost cost = planCost(*d.program);
  std::array<uint64_t, 2> sum = {0, 0};
  for (const Cost &step : cost.steps)
    for (size_t party = 0; party < 2; ++party)
      sum[party] += step.dealtBytes[party];
  EXPECT_EQ(cost.dealtBytes, sum);
  EXPECT_EQ(d.party0.recordBytes(), sum[0]);
  EXPECT_EQ(d.party1.recordBytes(), sum[1]);
  // No part of a record stays unwritten: dealt twice, two of a kind would otherwise agree in long
  // runs of bytes.
  auto first = d.deal(0), second = d.deal(1);
  for (size_t party = 0; party < 2; ++party) {
    size_t equal = 0, longest = 0;
    for (size_t i = 0; i < first[party].size(); ++i) {
      equal = first[party][i] == second[party][i] ? equal + 1 : 0;
      longest = std::max(longest, equal);
    }
    EXPECT_LT(longest, 8u);
  }
}

TEST(ExecutorPlanTest, MessageCountersAgreeForEveryStage) {
  Program program(load(everyGatePlan()));
  uint64_t bytes = 0;
  for (const ProgramStage &stage : program.stages()) {
    uint64_t sum = 0;
    for (const ProgramPhase &phase : stage.phases)
      sum += phase.outgoing.bytes;
    EXPECT_EQ(stage.messageBytes, sum);
    EXPECT_LE(stage.messageOffset + sum, program.messageRoom());
    bytes += sum;
  }
  EXPECT_EQ(program.messageBytes(), bytes);
  EXPECT_LT(program.messageRoom(), bytes);
  EXPECT_EQ(program.stages().back().messageBytes, 0u);
}

TEST(ExecutorPlanTest, MessagesStayUntilTheyAreRead) {
  Program program(load(everyGatePlan()));
  for (size_t members : {1, 3}) {
    // Whose message each byte of the room holds: the member and step, after the phase that wrote
    // it.
    using Content = std::tuple<size_t, uint32_t, unsigned>;
    std::vector<Content> room(program.messageRoom() * members);
    for (const ProgramStage &stage : program.stages()) {
      const std::vector<Content> before = room;
      for (const ProgramPhase &phase : stage.phases)
        for (size_t member = 0; member < members; ++member) {
          auto at = [&](const MessagePart &part) {
            return program.messagePlace(part, member, members);
          };
          for (uint64_t i = 0; i < phase.incoming.bytes; ++i)
            ASSERT_EQ(before[at(phase.incoming) + i], Content(member, phase.step, phase.phase));
          for (uint64_t i = 0; i < phase.outgoing.bytes; ++i)
            room[at(phase.outgoing) + i] = {member, phase.step, phase.phase + 1};
        }
    }
  }
}

TEST(ExecutorPlanTest, ObserverSeesEveryValue) {
  plan::Plan plan = everyGatePlan();
  Deployment d(plan);
  std::vector<ClearWords> inputs = {wordsOf(Ring{32}, fixedValues(144, 8, 1)),
                                    wordsOf(Ring{32}, fixedValues(144, 8, 2))};
  std::vector<int> seen(static_cast<size_t>(plan.values_size()), 0);
  ClearExecutor clear(d.program, d.clear);
  auto outputs = clear.run(d.seed0, d.seed1, {}, inputs,
                           [&](uint32_t value, std::span<const std::byte> words) {
                             seen[value] += 1;
                             EXPECT_EQ(words.size(), d.program->valueBytes(value));
                           });
  EXPECT_EQ(seen, std::vector<int>(seen.size(), 1));
  EXPECT_EQ(outputs.size(), 2u);
}

template <class Body> void expectError(Body &&body, ExitCode code, const std::string &message) {
  try {
    body();
    ADD_FAILURE() << "accepted, expected: " << message;
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_EQ(error.what(), message);
  }
}

TEST(ExecutorPlanTest, RefusesRecordsAndInputsOfAnotherSize) {
  PlanBuilder b(32);
  b.output(b.relu(b.open(b.input({8})), 4, 3, 10, plan::SignWindow::TABLE));
  Deployment d(b.build());
  auto records = d.deal(5);
  records[1].pop_back();
  expectError([&] { prepareOne(d.party1, d.materialId, 5, records[1]); }, ExitCode::InvalidInput,
              fmt::format("material record 5: expects {} bytes, got {}", records[1].size() + 1,
                          records[1].size()));
  auto ends = makeInMemoryChannel();
  auto run = [&](std::vector<SecretVector<uint8_t>> inputs) {
    runOne(d.party0, prepareOne(d.party0, d.materialId, 5, records[0]), *ends.first, d.common,
           inputs);
  };
  expectError([&] { run({}); }, ExitCode::InvalidInput, "expects 1 inputs, got 0");
  expectError([&] { run({SecretVector<uint8_t>(31)}); }, ExitCode::InvalidInput,
              "input in0: expects a share of 32 bytes, got 31");
  ClearExecutor clear(d.program, d.clear);
  std::vector<ClearWords> wrong = {ClearWords(12)};
  expectError([&] { clear.run(d.seed0, d.seed1, {}, wrong); }, ExitCode::InvalidInput,
              "input in0: expects 32 bytes of ring words, got 12");
}

TEST(ExecutorPlanTest, PreparesLayersOnly) {
  PlanBuilder b(32);
  uint32_t z = b.linear(b.open(b.input({1, 4, 3, 3})), makeConv(1, 4, 3, 5), false);
  b.output(b.relu(b.open(z), 4, 3, 10, plan::SignWindow::TABLE));
  Deployment d(b.build());
  auto records = d.deal(0);
  for (const PartyExecutor *party : {&d.party0, &d.party1}) {
    const size_t i = index(party->party());
    EXPECT_EQ(prepareOne(*party, d.materialId, 0, records[i]).memoryBytes(),
              4u * 5 * 9 + d.program->cost(4).dealtBytes[i])
        << "the ReLU's, which phases read";
  }
}

TEST(ExecutorPlanTest, LostPeerFailsTheRun) {
  PlanBuilder b(32);
  b.output(b.relu(b.open(b.input({8})), 4, 3, 10, plan::SignWindow::TABLE));
  Deployment d(b.build());
  auto records = d.deal(0);
  auto ends = makeInMemoryChannel();
  ends.second.reset();
  std::vector<SecretVector<uint8_t>> inputs = {SecretVector<uint8_t>(32, 0)};
  Prepared prepared = prepareOne(d.party0, d.materialId, 0, records[0]);
  EXPECT_THROW(runOne(d.party0, std::move(prepared), *ends.first, d.common, inputs), Error);
}

TEST(ExecutorPlanTest, MaterialOfAnotherSerialGivesAnotherAnswer) {
  // Not detected by the executor (the store's authenticated records do that), but it must not work
  // by accident either.
  PlanBuilder b(32);
  uint32_t x = b.input({64});
  b.output(b.linear(b.open(x), makeConv(1, 64, 1, 64), false));
  Deployment d(b.build());
  ClearWords input = wordsOf(Ring{32}, fixedValues(64, 8, 9));
  auto shares = shareInput(Ring{32}, input);
  auto runWith = [&](uint64_t dealt) {
    auto records = d.deal(dealt);
    auto ends = makeInMemoryChannel();
    std::vector<SecretVector<uint8_t>> in0 = {shares[0]}, in1 = {shares[1]};
    Prepared p0 = prepareOne(d.party0, d.materialId, 3, records[0]),
             p1 = prepareOne(d.party1, d.materialId, 3, records[1]);
    auto other = std::async(std::launch::async, [&] {
      return runOne(d.party1, std::move(p1), *ends.second, d.common, in1);
    });
    RunResult mine = runOne(d.party0, std::move(p0), *ends.first, d.common, in0),
              theirs = other.get();
    return joinOutput(Ring{32}, 64, mine.outputs[0], theirs.outputs[0]);
  };
  RequestId request{d.program->loaded().hash, d.masked.modelId, d.materialId, 3};
  std::vector<ClearWords> inputs = {input};
  ClearWords expected = ClearExecutor(d.program, d.clear).run(d.seed0, d.seed1, request, inputs)[0];
  EXPECT_EQ(runWith(3), expected);
  EXPECT_NE(runWith(4), expected);
}

TEST(ExecutorPlanTest, GroupsPrepareWhatIsNotPrepared) {
  Deployment d(everyGatePlan());
  const plan::Plan &plan = d.program->plan();
  const std::array<const PartyExecutor *, 2> parties = {&d.party0, &d.party1};
  constexpr size_t members = 3;
  std::array<std::vector<std::vector<SecretVector<uint8_t>>>, 2> shares;
  std::array<std::vector<GroupMember>, 2> groups;
  std::vector<std::vector<ClearWords>> expected;
  for (size_t party = 0; party < 2; ++party)
    shares[party].resize(members);
  for (size_t i = 0; i < members; ++i) {
    std::vector<ClearWords> inputs;
    for (uint64_t port = 0; port < 2; ++port) {
      inputs.push_back(wordsOf(d.program->ring(), fixedValues(144, 8, 10 * i + port)));
      auto both = shareInput(d.program->ring(), inputs.back());
      for (size_t party = 0; party < 2; ++party)
        shares[party][i].push_back(std::move(both[party]));
    }
    RequestId request{d.program->loaded().hash, d.masked.modelId, d.materialId, i};
    expected.push_back(ClearExecutor(d.program, d.clear).run(d.seed0, d.seed1, request, inputs));
    auto records = d.deal(i);
    for (size_t party = 0; party < 2; ++party) {
      RecordParts parts;
      std::span<const uint8_t> rest = records[party];
      for (uint64_t bytes : parties[party]->recordPartBytes()) {
        parts.emplace_back(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(bytes));
        rest = rest.subspan(bytes);
      }
      Prepared prepared = parties[party]->begin(d.materialId, i, std::move(parts));
      // Nothing, a part that differs between the servers, everything.
      const std::array<uint32_t, members> steps = {0, d.program->steps() / (2 + uint32_t(party)),
                                                   d.program->steps()};
      for (uint32_t step = 0; step < steps[i]; ++step)
        EXPECT_EQ(parties[party]->prepareNext(prepared), step + 1 < d.program->steps());
      EXPECT_EQ(prepared.next(), steps[i]);
      EXPECT_EQ(prepared.complete(), i == 2);
      groups[party].push_back({std::move(prepared), &d.common, shares[party][i]});
    }
  }
  auto ends = makeInMemoryChannel();
  auto other = std::async(std::launch::async,
                          [&] { return d.party1.runGroup(std::move(groups[1]), *ends.second); });
  std::vector<RunResult> mine = d.party0.runGroup(std::move(groups[0]), *ends.first),
                         theirs = other.get();
  for (size_t i = 0; i < members; ++i) {
    // Material and values of the whole group are kept, to be wiped later, in one place.
    EXPECT_EQ(mine[i].remains != nullptr, i == 0);
    EXPECT_GT(mine[i].report.lateSeconds, 0);
    EXPECT_EQ(mine[i].report.exchanges, planCost(*d.program).exchanges);
    for (int port = 0; port < plan.outputs_size(); ++port)
      EXPECT_EQ(joinOutput(d.program->ring(), d.program->valueElements(plan.outputs(port).value()),
                           mine[i].outputs[static_cast<size_t>(port)],
                           theirs[i].outputs[static_cast<size_t>(port)]),
                expected[i][static_cast<size_t>(port)])
          << "member " << i;
  }
}

TEST(ExecutorPlanTest, MaterialIsFreedOncePrepared) {
  PlanBuilder b(32);
  b.output(b.linear(b.open(b.input({1, 4, 8, 8})), makeConv(1, 4, 8, 4, 3, 1, 1), false));
  Deployment d(b.build());
  const auto records = d.deal(0);
  // What its gates prepared, and nothing else.
  ASSERT_GT(records[0].size() + records[1].size(), 0u);
  for (const PartyExecutor *party : {&d.party0, &d.party1})
    EXPECT_EQ(prepareOne(*party, d.materialId, 0, records[index(party->party())]).memoryBytes(),
              4u * 4 * 8 * 8);
}

} // namespace
} // namespace gfs
