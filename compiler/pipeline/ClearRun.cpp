// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/ClearRun.h"

#include "dialects/nn/NnShapes.h"
#include "runtime/base/ThreadPool.h"
#include "runtime/exec/ClearExecutor.h"
#include "runtime/exec/ClientShares.h"

#include <algorithm>

namespace gfs {

/// Two different seeds that anybody may know: nothing here is secret.
static SecretSeed publicSeed(uint8_t fill) {
  std::array<uint8_t, SecretSeed::size> bytes;
  bytes.fill(fill);
  return SecretSeed(bytes);
}

std::vector<OutputSamples> runInClear(const EmittedPlan &emitted, const SampleSet &samples) {
  plan::LoadedPlan loaded = plan::parsePlan(plan::serializePlan(emitted.plan), "the emitted plan");
  const plan::Plan plan = loaded.plan;
  Ring ring = loaded.ring();
  WeightTable weights = clearWeights(plan, emitted.weights);
  ProgramRef program = makeProgram(std::move(loaded));
  weights.pack(*program, bestKernels());
  ClearExecutor executor(program, weights);
  const SecretSeed seed0 = publicSeed(0), seed1 = publicSeed(1);

  std::vector<OutputSamples> outputs;
  for (const plan::Port &port : plan.outputs()) {
    PortShape shape = portShape(plan, port);
    const std::vector<int64_t> extents(shape.shape.begin(), shape.shape.end());
    outputs.push_back({std::vector<float>(samples.count * shape.elements), nn::rowLength(extents)});
  }
  ThreadPool pool(std::min<unsigned>(availableProcessors(), static_cast<unsigned>(samples.count)));
  pool.run(samples.count, [&](uint64_t sample) {
    std::vector<ClearWords> words;
    for (int port = 0; port < plan.inputs_size(); ++port) {
      PortShape shape = portShape(plan, plan.inputs(port));
      std::span<const float> all = samples.inputs[static_cast<size_t>(port)];
      words.push_back(
          encodeFixed(ring, shape.scale, all.subspan(sample * shape.elements, shape.elements)));
    }
    RequestId request;
    request.serial = sample;
    auto results = executor.run(seed0, seed1, request, words);
    for (int port = 0; port < plan.outputs_size(); ++port) {
      PortShape shape = portShape(plan, plan.outputs(port));
      const auto index = static_cast<size_t>(port);
      std::ranges::copy(decodeFixed(ring, shape.scale, results[index]),
                        &outputs[index].values[sample * shape.elements]);
    }
  });
  return outputs;
}

} // namespace gfs
