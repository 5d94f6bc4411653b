// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/ClearRun.h"

#include "runtime/exec/ClearExecutor.h"
#include "runtime/exec/ClientShares.h"

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
  ClearExecutor executor(makeProgram(std::move(loaded)), weights);
  const SecretSeed seed0 = publicSeed(0), seed1 = publicSeed(1);

  std::vector<OutputSamples> outputs;
  for (const plan::Port &port : plan.outputs()) {
    PortShape shape = portShape(plan, port);
    outputs.push_back({{}, shape.shape.empty() ? 1 : static_cast<size_t>(shape.shape.back())});
  }
  RequestId request;
  for (size_t sample = 0; sample < samples.count; ++sample) {
    std::vector<ClearWords> words;
    for (int port = 0; port < plan.inputs_size(); ++port) {
      PortShape shape = portShape(plan, plan.inputs(port));
      std::span<const float> all = samples.inputs[static_cast<size_t>(port)];
      words.push_back(
          encodeFixed(ring, shape.scale, all.subspan(sample * shape.elements, shape.elements)));
    }
    request.serial = sample;
    auto results = executor.run(seed0, seed1, request, words);
    for (int port = 0; port < plan.outputs_size(); ++port) {
      auto values = decodeFixed(ring, portShape(plan, plan.outputs(port)).scale,
                                results[static_cast<size_t>(port)]);
      auto &all = outputs[static_cast<size_t>(port)].values;
      all.insert(all.end(), values.begin(), values.end());
    }
  }
  return outputs;
}

} // namespace gfs
