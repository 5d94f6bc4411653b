// SPDX-License-Identifier: Apache-2.0
// Whatever plan passes the verifier, dealing, preparing and evaluating it end: what the verifier
// lets through is all that gates and kernels rely on. Where nothing is left to chance, the servers
// give what the clear evaluation gives. Plans that would take long are left out.
#include "runtime/exec/PlanCost.h"
#include "runtime/exec/Simulate.h"
#include "test/fuzz/Mutate.h"

#include <algorithm>
#include <cstdlib>

using namespace gfs;

namespace {

bool isSmall(const plan::Plan &plan) {
  constexpr uint64_t mostWords = 1 << 14, mostWork = 1 << 20;
  uint64_t words = plan.arena_words();
  for (const plan::WeightTensor &weight : plan.weights())
    words += weight.elements();
  auto reach = [](uint64_t out, uint64_t stride, uint64_t kernel, uint64_t dilation) {
    return (out + kernel) * stride + kernel * dilation;
  };
  return words <= mostWords && plan.steps_size() <= 64 &&
         std::ranges::all_of(plan.steps(), [&](const plan::Step &step) {
           if (!step.has_linear() && !step.has_sum_pool())
             return true;
           const plan::Conv &c = step.linear().conv();
           const plan::SumPool &pool = step.sum_pool();
           return reach(c.out_h(), c.stride_h(), c.kernel_h(), c.dilation_h()) *
                          reach(c.out_w(), c.stride_w(), c.kernel_w(), c.dilation_w()) *
                          std::max(c.in_channels(), 1u) <=
                      mostWork &&
                  uint64_t(pool.kernel_h()) * pool.kernel_w() <= 1 << 8;
         });
}

/// Opened bits are dropped, which is rounded at random.
bool isDrawn(const plan::Plan &plan) {
  return std::ranges::any_of(plan.steps(),
                             [](const plan::Step &step) { return step.open().dropped() > 0; });
}

void run(plan::LoadedPlan loaded) {
  const ProgramRef program = makeProgram(std::move(loaded));
  const plan::Plan &plan = program->plan();
  if (planCost(*program).multiplications > 1 << 22)
    return;
  const SecretSeed seed0 = SecretSeed::random(), seed1 = SecretSeed::random();
  std::vector<std::vector<int64_t>> values;
  for (const plan::WeightTensor &weight : plan.weights())
    for (values.emplace_back(); values.back().size() < weight.elements();)
      values.back().push_back(static_cast<int64_t>(values.back().size() % 5) - 2);
  const WeightTable weights = clearWeights(plan, values);
  std::vector<ClearWords> inputs;
  for (const plan::Port &port : plan.inputs()) {
    ClearWords &words = inputs.emplace_back(program->valueBytes(port.value()), std::byte(0));
    for (size_t i = 0; i < words.size(); i += program->ring().wordBytes())
      words[i] = std::byte(i * 37);
  }
  for (const Kernels *kernels : availableKernels()) {
    Simulator simulator(program, maskWeights(plan, weights, seed0, seed1, plan::randomId()), seed0,
                        seed1, *kernels);
    const SimulationResult result = simulator.run(inputs);
    const auto expected =
        ClearExecutor(program, weights, *kernels).run(seed0, seed1, result.request, inputs);
    if (!isDrawn(plan) && result.outputs != expected)
      std::abort();
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try {
    const std::string_view bytes(reinterpret_cast<const char *>(data), size);
    plan::LoadedPlan loaded = plan::parsePlan(bytes, "plan.bin");
    if (isSmall(loaded.plan))
      run(std::move(loaded));
  } catch (const Error &error) {
    if (error.code() != ExitCode::InvalidInput)
      std::abort();
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                                          unsigned seed) {
  static plan::Plan scratch;
  static const fuzz::Format format{scratch, plan::fileMagic.size()};
  return fuzz::mutate(format, data, size, maxSize, seed);
}
