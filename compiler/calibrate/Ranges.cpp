// SPDX-License-Identifier: Apache-2.0
// Measures the ranges of a network's values on samples.
#include "compiler/calibrate/Ranges.h"

#include "compiler/evaluate/Evaluator.h"
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnShapes.h"
#include "runtime/base/Error.h"

#include "llvm/ADT/MapVector.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace gfs {

/// The value a server computes for a result of the function: before what the client applies to it.
static Value beforePostProcess(Value result) {
  Operation *op = result.getDefiningOp();
  return op && nn::isPostProcess(op) ? op->getOperand(0) : result;
}

static std::string describe(Value value) {
  if (Operation *op = value.getDefiningOp())
    return nn::layerName(op);
  return fmt::format("input {}", cast<BlockArgument>(value).getArgNumber());
}

/// The nearest number below or above that is a multiple of a sixteenth of its power of two. Ranges
/// reach the plan, in thresholds of functions for instance, and the plan is public: what it tells
/// of weights and samples shall be orders of magnitude.
static double below(double value) {
  if (value == 0)
    return 0;
  const double step = std::ldexp(1.0, std::ilogb(value) - 4);
  return std::floor(value / step) * step;
}
static double above(double value) { return -below(-value); }

namespace {
/// Watches an evaluation: widens ranges and keeps the outputs.
class Recorder {
public:
  explicit Recorder(func::FuncOp function) {
    for (Value result : function.getBody().front().getTerminator()->getOperands()) {
      Value output = beforePostProcess(result);
      positions[output].push_back(outputs.size());
      auto shape = cast<RankedTensorType>(output.getType()).getShape();
      outputs.push_back({{}, nn::rowLength(shape)});
    }
  }

  void see(Value value, std::span<const float> data) {
    const nn::Extremes<float> extremes(ArrayRef<float>(data.data(), data.size()));
    if (!extremes.finite)
      throw Error(ExitCode::InvalidInput,
                  fmt::format("calibration: '{}' has values that are not finite", describe(value)),
                  "check that the calibration data is preprocessed as the network expects");
    const fixed::RealRange seen{extremes.least, extremes.greatest};
    fixed::RealRange &range = ranges.try_emplace(value, seen).first->second;
    range = {std::min(range.min, seen.min), std::max(range.max, seen.max)};
    auto found = positions.find(value);
    if (found == positions.end())
      return;
    for (size_t position : found->second)
      outputs[position].values.insert(outputs[position].values.end(), data.begin(), data.end());
  }

  std::vector<OutputSamples> finish() {
    for (const auto &[value, range] : ranges)
      fixed::setCalibratedRange(value, {below(range.min), above(range.max)});
    return std::move(outputs);
  }

private:
  llvm::MapVector<Value, fixed::RealRange> ranges;
  llvm::DenseMap<Value, SmallVector<size_t, 1>> positions;
  std::vector<OutputSamples> outputs;
};
} // namespace

std::vector<OutputSamples> measureRanges(func::FuncOp function, size_t samples,
                                         std::span<const std::vector<float>> inputs) {
  Recorder recorder(function);
  Evaluator evaluator(function);
  evaluator.runSamples(samples, inputs, [&](Value value, std::span<const float> data) {
    recorder.see(value, data);
  });
  return recorder.finish();
}

} // namespace gfs
