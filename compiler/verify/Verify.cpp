// SPDX-License-Identifier: Apache-2.0
#include "compiler/verify/Verify.h"

#include "runtime/exec/ClientShares.h"
#include "runtime/exec/Simulate.h"

#include <algorithm>
#include <cmath>

namespace gfs {

/// Expected outputs this small are compared as if they were so large: their own size is noise.
static constexpr double leastMagnitude = 0.1;

static uint64_t largest(std::span<const float> row) {
  return static_cast<uint64_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

/// Class scores are one row per sample: no axis but the first and the last is longer than one.
static bool looksLikeScores(const PortShape &port, uint64_t rowLength) {
  size_t longAxes = 0;
  for (size_t axis = 1; axis < port.shape.size(); ++axis)
    longAxes += port.shape[axis] > 1;
  return longAxes == 1 && rowLength > 1;
}

static OutputCheck compare(const plan::Port &output, const PortShape &port,
                           std::span<const float> got, std::span<const float> expected,
                           double tolerance) {
  const bool isIndex = givesIndices(output);
  OutputCheck check;
  check.elements = expected.size();
  double magnitude = leastMagnitude;
  for (size_t i = 0; i < expected.size(); ++i) {
    double difference = std::abs(double(got[i]) - double(expected[i]));
    magnitude = std::max(magnitude, std::abs(double(expected[i])));
    // A NaN stays, whatever it is compared with.
    if (!(difference <= check.maxError))
      check.maxError = std::isnan(check.maxError) ? check.maxError : difference;
  }
  check.relativeError = check.maxError / magnitude;
  check.good = isIndex ? check.maxError == 0 : check.relativeError <= tolerance;
  uint64_t length = port.shape.empty() ? 1 : port.shape[postProcessAxis(output, port.shape)];
  if (isIndex) {
    uint64_t same = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      same += got[i] == expected[i];
    check.agreement = {same, expected.size()};
  } else if (looksLikeScores(port, length)) {
    uint64_t rows = expected.size() / length, same = 0;
    for (uint64_t row = 0; row < rows; ++row)
      same += largest(got.subspan(row * length, length)) ==
              largest(expected.subspan(row * length, length));
    check.agreement = {same, rows};
  }
  return check;
}

std::vector<OutputCheck> verifyPlan(const plan::LoadedPlan &loaded,
                                    const std::vector<std::vector<int64_t>> &weights,
                                    const std::vector<TestSet> &sets, double tolerance) {
  const plan::Plan &plan = loaded.plan;
  const Ring ring = loaded.ring();
  const SecretSeed seed0 = SecretSeed::random(), seed1 = SecretSeed::random();
  Simulator simulator(
      makeProgram(loaded),
      maskWeights(plan, clearWeights(plan, weights), seed0, seed1, plan::randomId()), seed0, seed1);

  std::vector<OutputCheck> checks;
  for (const TestSet &set : sets) {
    std::vector<ClearWords> inputs;
    for (int i = 0; i < plan.inputs_size(); ++i) {
      PortShape port = portShape(plan, plan.inputs(i));
      const Tensor &tensor =
          tensorOfPort(set.inputs, static_cast<size_t>(i), static_cast<size_t>(plan.inputs_size()),
                       plan.inputs(i).name(), port.elements, "input", set.name);
      inputs.push_back(encodeFixed(ring, port.scale, tensor.toFloat()));
    }
    SimulationResult result = simulator.run(inputs);
    for (int i = 0; i < plan.outputs_size(); ++i) {
      const plan::Port &output = plan.outputs(i);
      PortShape port = portShape(plan, output);
      std::vector<float> got = postProcess(
          plan, output, decodeFixed(ring, port.scale, result.outputs[static_cast<size_t>(i)]));
      const Tensor &expected = tensorOfPort(set.outputs, static_cast<size_t>(i),
                                            static_cast<size_t>(plan.outputs_size()), output.name(),
                                            got.size(), "output", set.name);
      OutputCheck check = compare(output, port, got, expected.toFloat(), tolerance);
      check.set = set.name;
      check.output = output.name();
      checks.push_back(std::move(check));
    }
  }
  return checks;
}

std::string checkText(const std::vector<OutputCheck> &checks, double tolerance) {
  size_t setWidth = 3, outputWidth = 6;
  for (const OutputCheck &check : checks) {
    setWidth = std::max(setWidth, check.set.size());
    outputWidth = std::max(outputWidth, check.output.size());
  }
  std::string text =
      fmt::format("  {:<{}}  {:<{}} {:>10} {:>12} {:>12} {:>11}\n", "set", setWidth, "output",
                  outputWidth, "elements", "max error", "relative", "same argmax");
  for (const OutputCheck &check : checks)
    text += fmt::format(
        "  {:<{}}  {:<{}} {:>10} {:>12.4g} {:>12.4g} {:>11}  {}\n", check.set, setWidth,
        check.output, outputWidth, check.elements, check.maxError, check.relativeError,
        check.agreement ? fmt::format("{}/{}", check.agreement->first, check.agreement->second)
                        : "-",
        check.good ? "good" : "WRONG");
  return text + fmt::format("  tolerance {:g} of the largest expected magnitude\n", tolerance);
}

} // namespace gfs
