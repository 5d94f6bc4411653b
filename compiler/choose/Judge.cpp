// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/Judge.h"

#include "dialects/nn/NnShapes.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;

namespace gfs {

/// Samples evaluated at once: bounds memory.
static constexpr size_t samplesAtOnce = 250;

Judge::Judge(func::FuncOp function, SampleBatch given, std::vector<int64_t> labels)
    : function(function), samples(std::move(given)), labels(std::move(labels)),
      reference(outputsOf({})) {}

std::vector<OutputSamples> Judge::outputsOf(const Variant &variant) const {
  std::vector<OutputSamples> outputs;
  func::FuncOp network = function;
  for (Value result : network.getBody().front().getTerminator()->getOperands()) {
    auto shape = cast<RankedTensorType>(servedValue(result).getType()).getShape();
    outputs.push_back({{}, nn::rowLength(shape)});
  }
  for (size_t first = 0; first < samples.count; first += samplesAtOnce) {
    SampleBatch some = samples.slice(first, std::min(samplesAtOnce, samples.count - first));
    for (auto [output, values] : llvm::zip(outputs, evaluateVariant(function, some, variant)))
      output.values.insert(output.values.end(), values.begin(), values.end());
  }
  return outputs;
}

ChoosePoint Judge::measure(const Variant &variant) const {
  std::vector<OutputSamples> got = outputsOf(variant);
  Deviation deviation = compareOutputs(reference, got);
  ChoosePoint point{.agreement = 1 - deviation.disagreement,
                    .relativeError = typicalError(reference, got, samples.count)};
  for (auto [original, changed] : llvm::zip(reference, got)) {
    double divergence = meanDivergence(original, changed);
    point.divergence = std::max(point.divergence, divergence);
    // A sample outside the data may grow without bound; a comparison with NaN would hide it.
    if (!std::isfinite(divergence))
      point.divergence = std::numeric_limits<double>::infinity();
  }
  if (labels.empty())
    return point;
  double right = 0;
  size_t length = got.front().rowLength;
  for (size_t i = 0; i < labels.size(); ++i) {
    auto row = got.front().values.begin() + static_cast<ptrdiff_t>(i * length);
    right += std::max_element(row, row + static_cast<ptrdiff_t>(length)) - row == labels[i];
  }
  point.accuracy = right / static_cast<double>(labels.size());
  return point;
}

double typicalError(const std::vector<OutputSamples> &reference,
                    const std::vector<OutputSamples> &candidate, size_t samples) {
  constexpr double farOff = 10 * 10; // of squares
  double worst = 0;
  for (auto [original, changed] : llvm::zip(reference, candidate)) {
    const size_t length = original.values.size() / std::max<size_t>(samples, 1);
    std::vector<double> errors(samples, 0);
    for (size_t i = 0; i < samples * length; ++i) {
      double error = double(changed.values[i]) - original.values[i];
      errors[i / length] +=
          std::isfinite(error) ? error * error : std::numeric_limits<double>::infinity();
    }
    std::vector<double> sorted = errors;
    auto median = sorted.begin() + static_cast<ptrdiff_t>(samples / 2);
    std::nth_element(sorted.begin(), median, sorted.end());
    if (!std::isfinite(*median))
      return std::numeric_limits<double>::infinity();
    OutputSamples kept{{}, original.rowLength}, keptChanged = kept;
    for (size_t s = 0; s < samples; ++s)
      if (errors[s] <= farOff * *median) {
        auto take = [&](const OutputSamples &from, OutputSamples &to) {
          auto first = from.values.begin() + static_cast<ptrdiff_t>(s * length);
          to.values.insert(to.values.end(), first, first + static_cast<ptrdiff_t>(length));
        };
        take(original, kept);
        take(changed, keptChanged);
      }
    worst = std::max(worst, compareOutputs({kept}, {keptChanged}).relativeError);
  }
  return worst;
}

/// log sum exp, which overflows for no row.
static double logTotal(std::span<const float> row) {
  double top = *std::max_element(row.begin(), row.end()), total = 0;
  for (float value : row)
    total += std::exp(value - top);
  return top + std::log(total);
}

double meanDivergence(const OutputSamples &reference, const OutputSamples &candidate) {
  size_t length = reference.rowLength, rows = reference.values.size() / length;
  double sum = 0;
  for (size_t row = 0; row < rows; ++row) {
    auto p = std::span(reference.values).subspan(row * length, length),
         q = std::span(candidate.values).subspan(row * length, length);
    double pTotal = logTotal(p), qTotal = logTotal(q);
    for (size_t i = 0; i < length; ++i)
      sum += std::exp(p[i] - pTotal) * ((p[i] - pTotal) - (q[i] - qTotal));
  }
  return rows == 0 ? 0 : sum / static_cast<double>(rows);
}

} // namespace gfs
