// SPDX-License-Identifier: Apache-2.0
// How gates are tested: a small plan is run by two servers and by the clear reference under the
// same masks; both must agree bit for bit, and what was counted must be what the cost model says.
// Meaning is tested on the reference's output.
#pragma once

#include "runtime/exec/ClientShares.h"
#include "runtime/exec/Dealer.h"
#include "runtime/exec/PlanCost.h"
#include "runtime/exec/Simulate.h"
#include "runtime/plan/PlanBuilder.h"
#include "test/unit/cuda/EmulatedDevice.h"
#include "test/unit/exec/OneRequest.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace gfs {

using Values = std::vector<int64_t>;

/// Arbitrary but fixed words; `stream` tells one use from another.
inline std::vector<uint64_t> fixedWords(size_t count, uint64_t stream) {
  static const AesKey key(std::array<uint8_t, 16>{7, 7, 7});
  std::vector<uint64_t> words(count);
  Prg(key, stream).fillWords(std::span(words));
  return words;
}
/// Uniform in [-2^bits, 2^bits).
inline Values fixedValues(size_t count, unsigned bits, uint64_t stream) {
  Values values;
  for (uint64_t word : fixedWords(count, stream))
    values.push_back(static_cast<int64_t>(word) >> (63 - bits));
  return values;
}

inline plan::LoadedPlan load(const plan::Plan &plan) {
  return plan::parsePlan(plan::serializePlan(plan), "test plan");
}

/// Records that `dealer` makes of serials 5 to 5 + `count`, in one group.
inline std::vector<std::array<SecretVector<uint8_t>, 2>> dealGroup(const Dealer &dealer,
                                                                   size_t count) {
  std::vector<std::array<SecretVector<uint8_t>, 2>> records(count);
  std::vector<RecordPair> pairs;
  for (auto &pair : records) {
    for (Party party : {Party::Zero, Party::One})
      pair[index(party)].resize(dealer.recordBytes(party), uint8_t(0x5a)); // nothing is zeroed
    pairs.push_back({pair[0], pair[1]});
  }
  ThreadPool helpers(2);
  dealer.deal(plan::Id16{9}, 5, pairs, helpers);
  return records;
}

/// A dealer on a GPU makes the bytes of one on a CPU, whatever the size of its groups.
inline void expectSameRecords(const ProgramRef &program, const MaskedWeights &weights,
                              const Kernels &kernels, const std::vector<size_t> &groups) {
  const SecretSeed seed0 = SecretSeed::random(), seed1 = SecretSeed::random();
  const Dealer here(program, seed0, seed1, weights.modelId, &weights),
      there(program, seed0, seed1, weights.modelId, &weights, kernels);
  ASSERT_EQ(here.onDevice(), nullptr);
  ASSERT_NE(there.onDevice(), nullptr);
  const auto expected = dealGroup(here, std::ranges::max(groups));
  for (size_t count : groups) {
    const auto records = dealGroup(there, count);
    for (size_t i = 0; i < count; ++i)
      EXPECT_EQ(records[i], expected[i]) << "record " << i << " of " << count;
  }
}

/// The outputs as signed integers.
struct PlanRun {
  std::vector<Values> servers, reference;
};

/// Runs `plan` on both and checks the cost.
inline PlanRun runBoth(const plan::Plan &source, const std::vector<Values> &weights,
                       const std::vector<Values> &inputs, const Kernels &kernels) {
  ProgramRef program = makeProgram(load(source));
  const plan::Plan &plan = program->plan();
  const Ring ring = program->ring();
  const SecretSeed seed0 = SecretSeed::random(), seed1 = SecretSeed::random();
  WeightTable clear = clearWeights(plan, weights);
  // A plan with a gate that has no form for a GPU is dealt, and its passes run, on the CPU.
  const bool whole = std::ranges::none_of(plan.steps(), &plan::Step::has_mat_mul);
  if (gpu::onGpu(kernels) && whole)
    expectSameRecords(program, maskWeights(plan, clear, seed0, seed1, plan::randomId()), kernels,
                      {1});
  Simulator simulator(program, maskWeights(plan, clear, seed0, seed1, plan::randomId()), seed0,
                      seed1, kernels);
  std::vector<ClearWords> words;
  for (const Values &input : inputs)
    words.push_back(wordsOf(ring, input));
  SimulationResult result = simulator.run(words);

  const PlanCost cost = planCost(*program);
  for (const RunReport &report : result.reports) {
    EXPECT_EQ(report.exchanges, cost.exchanges);
    EXPECT_EQ(report.bytesSent, cost.messageBytes);
    EXPECT_EQ(report.bytesReceived, cost.messageBytes);
  }
  auto reference = ClearExecutor(program, clear, kernels).run(seed0, seed1, result.request, words);
  PlanRun run;
  for (size_t port = 0; port < reference.size(); ++port) {
    run.servers.push_back(signedOf(ring, result.outputs[port]));
    run.reference.push_back(signedOf(ring, reference[port]));
  }
  return run;
}

/// The same where all bits are opened: servers and reference agree.
inline std::vector<Values> runPlan(const plan::Plan &plan, const std::vector<Values> &weights,
                                   const std::vector<Values> &inputs, const Kernels &kernels) {
  PlanRun run = runBoth(plan, weights, inputs, kernels);
  for (size_t port = 0; port < run.reference.size(); ++port)
    EXPECT_EQ(run.servers[port], run.reference[port])
        << "servers and reference differ, output " << port;
  return run.reference;
}

class GateTest : public testing::TestWithParam<std::tuple<const Kernels *, unsigned>> {
protected:
  const Kernels &kernels() const { return *std::get<0>(GetParam()); }
  unsigned bits() const { return std::get<1>(GetParam()); }
  Ring ring() const { return Ring{bits()}; }

  /// Random values of the whole ring, and its corners: 0, ±1, the extremes, and powers of two.
  Values wholeRing(size_t count) const {
    Values values = {0, 1, -1};
    for (unsigned bit = 1; bit < bits(); ++bit)
      for (int64_t offset : {-1, 0, 1})
        values.push_back(reduce((uint64_t(1) << bit) + static_cast<uint64_t>(offset)));
    values.resize(std::min(values.size(), count));
    for (uint64_t word : fixedWords(count - values.size(), bits()))
      values.push_back(reduce(word));
    return values;
  }
  /// Random magnitudes of all sizes within |z| < limit, and the corners.
  Values within(int64_t limit, size_t count) const {
    Values values = {0, 1, -1, limit - 1, 1 - limit};
    for (uint64_t word : fixedWords(count, 100 + bits())) {
      int64_t value = static_cast<int64_t>(word) >> (1 + word % 62);
      values.push_back(value % limit);
    }
    values.resize(count);
    return values;
  }
  int64_t reduce(uint64_t word) const { return ring().toSigned(word & ring().mask<uint64_t>()); }
};

inline auto everyKernelAndRing() {
  return testing::Combine(testing::ValuesIn(availableKernels().begin(), availableKernels().end()),
                          testing::Values(16u, 17u, 24u, 27u, 31u, 32u, 33u, 40u, 63u, 64u));
}
/// Whole passes on the emulated GPU, in rings at the ends of the word sizes and between.
inline auto emulatedCudaAndRing() {
  return testing::Combine(testing::ValuesIn(emulatedCudaVariants()),
                          testing::Values(16u, 27u, 32u, 33u, 64u));
}
inline std::string kernelAndRing(const testing::TestParamInfo<GateTest::ParamType> &info) {
  return fmt::format("{}_{}", std::get<0>(info.param)->name, std::get<1>(info.param));
}

} // namespace gfs
