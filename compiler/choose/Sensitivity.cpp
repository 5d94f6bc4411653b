// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/Sensitivity.h"

#include "compiler/choose/Derivatives.h"
#include "compiler/evaluate/Workers.h"
#include "dialects/nn/NnShapes.h"
#include "runtime/crypto/Prg.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace gfs {

/// Answers drawn per sample: the ranking settles with few.
static constexpr unsigned draws = 1;
/// Weight of the sum of squares beside the square of the sum over a channel's elements. The latter
/// sees only what adds up to first order, but what cancels out still disturbs the layers behind,
/// which are not linear. As many as the elements of a 3 x 3 window, which mix in the next layer.
static constexpr double correlated = 9;
/// All values of a chunk of samples are kept for the way back.
static constexpr size_t mostBytes = size_t(400) << 20;
static constexpr uint8_t answerKey[16] = {'a', 'n', 's', 'w', 'e', 'r'};

static size_t bytesPerSample(func::FuncOp function) {
  size_t elements = 0;
  for (Operation &op : function.getBody().front())
    if (isStep(op))
      elements +=
          static_cast<size_t>(cast<RankedTensorType>(op.getResult(0).getType()).getNumElements());
  return 2 * elements * sizeof(float); // The values and their derivatives.
}

static double unit(uint32_t word) { return (double(word) + 0.5) * 0x1p-32; }

/// Derivatives of log softmax(row)[answer], the answer drawn with those probabilities: 1 - p there,
/// -p elsewhere.
static void drawAnswer(std::span<const float> row, uint32_t word, std::span<float> gradient) {
  if (row.size() == 1) {
    gradient[0] = word & 1 ? 1.0f : -1.0f;
    return;
  }
  double top = *std::max_element(row.begin(), row.end()), total = 0;
  for (float value : row)
    total += std::exp(value - top);
  double rest = unit(word);
  size_t answer = row.size() - 1;
  for (size_t i = 0; i < row.size(); ++i) {
    double probability = std::exp(row[i] - top) / total;
    gradient[i] = static_cast<float>(-probability);
    rest -= probability;
    if (rest < 0 && answer == row.size() - 1)
      answer = i;
  }
  gradient[answer] += 1;
}

namespace {
class Measurement {
public:
  Measurement(func::FuncOp function, const RefitResult &current, bool elementwise)
      : function(function), current(current), elementwise(elementwise), sites(reluSites(function)) {
    for (const ReluSite &site : sites)
      total.emplace_back(site.channels, std::array<double, 3>{});
  }

  void addChunk(const SampleBatch &chunk, size_t firstSample) {
    BatchValues values(function, chunk);
    Block &block = function.getBody().front();
    for (Operation &op : block)
      if (isStep(op))
        values.set(op.getResult(0), values.evaluate(op, current.variant));
    AesKey key{std::span<const uint8_t, 16>(answerKey)};
    for (unsigned draw = 0; draw < draws; ++draw) {
      Gradients gradients;
      for (auto [index, result] : llvm::enumerate(block.getTerminator()->getOperands()))
        seed(servedValue(result), values, Prg(key, (firstSample * draws + draw) * 64 + index),
             gradients);
      for (Operation &op : llvm::reverse(block)) {
        if (!isStep(op) || !gradients.contains(op.getResult(0)))
          continue;
        std::vector<float> gradient = std::move(gradients[op.getResult(0)]);
        gradients.erase(op.getResult(0));
        if (auto relu = dyn_cast<nn::ReluOp>(op))
          addRelu(relu, *values.at(relu.getInput()), gradient);
        addOperandGradients(op, current.variant, values, gradient,
                            [&](Value value) -> std::vector<float> & {
                              std::vector<float> &sum = gradients[value];
                              sum.resize(values.at(value)->size());
                              return sum;
                            });
      }
    }
  }

  Sensitivities finish(size_t samples) {
    for (auto &site : total)
      for (auto &channel : site)
        for (double &sum : channel)
          sum /= static_cast<double>(samples * draws);
    return std::move(total);
  }

private:
  using Gradients = llvm::DenseMap<Value, std::vector<float>>;

  static void seed(Value output, const BatchValues &values, Prg prg, Gradients &gradients) {
    const Floats &logits = *values.at(output);
    size_t length = nn::rowLength(cast<RankedTensorType>(output.getType()).getShape());
    std::vector<float> &gradient = gradients[output];
    gradient.resize(logits.size());
    std::vector<uint32_t> words(logits.size() / length);
    prg.fillWords(std::span(words));
    for (size_t row = 0; row < words.size(); ++row)
      drawAnswer(std::span(logits).subspan(row * length, length), words[row],
                 std::span(gradient).subspan(row * length, length));
  }

  void addRelu(nn::ReluOp relu, const Floats &z, const std::vector<float> &gradient) {
    auto site = llvm::find_if(sites, [&](const ReluSite &s) { return s.op == relu; });
    if (site == sites.end())
      return;
    size_t number = static_cast<size_t>(site - sites.begin());
    auto found = current.variant.activations.find(relu);
    size_t perSample = site->channels * site->elements, samples = z.size() / perSample;
    size_t images = static_cast<size_t>(cast<RankedTensorType>(relu.getType()).getDimSize(0)),
           row = site->elements / images;
    auto addChannel = [&](size_t channel) {
      const std::array<Polynomial, 3> &candidates = current.candidates[number][channel];
      for (size_t s = 0; s < samples; ++s) {
        std::array<double, 3> change = {}, squares = {};
        for (size_t n = 0; n < images; ++n) {
          size_t first = s * perSample + (n * site->channels + channel) * row;
          for (size_t i = first; i < first + row; ++i)
            for (size_t degree = 0; degree < 3; ++degree) {
              double one = gradient[i] * (candidates[degree](z[i]) - std::max(z[i], 0.0f));
              change[degree] += one;
              squares[degree] += one * one;
            }
        }
        for (size_t degree = 0; degree < 3; ++degree)
          total[number][channel][degree] +=
              change[degree] * change[degree] + (elementwise ? correlated * squares[degree] : 0);
      }
    };
    forEachOf(site->channels, [&](size_t channel) {
      if (found == current.variant.activations.end() || found->second[channel].relu)
        addChannel(channel);
    });
  }

  func::FuncOp function;
  const RefitResult &current;
  bool elementwise;
  std::vector<ReluSite> sites;
  Sensitivities total;
};
} // namespace

Sensitivities measureSensitivities(func::FuncOp function, const SampleBatch &samples,
                                   const RefitResult &current, bool elementwise) {
  Measurement measurement(function, current, elementwise);
  size_t atOnce = std::clamp<size_t>(mostBytes / bytesPerSample(function), 1, samples.count);
  for (size_t first = 0; first < samples.count; first += atOnce)
    measurement.addChunk(samples.slice(first, std::min(atOnce, samples.count - first)), first);
  return measurement.finish(samples.count);
}

} // namespace gfs
