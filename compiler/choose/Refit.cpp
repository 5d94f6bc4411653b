// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/Refit.h"

#include "compiler/choose/LayerGeometry.h"
#include "compiler/choose/LeastSquares.h"
#include "compiler/choose/Polynomials.h"
#include "compiler/evaluate/Workers.h"
#include "dialects/nn/NnConstants.h"
#include "runtime/crypto/Prg.h"

#include <algorithm>

using namespace mlir;

namespace gfs {

/// Rows of a regression beyond those that its unknowns need.
static constexpr size_t extraRows = 16000, rowsPerTap = 8;
/// Rows of one matrix product: enough to pay, few enough for the cache.
static constexpr size_t rowsAtOnce = 2048;
/// Elements of a channel that its polynomial is fitted to, evenly spread over the samples.
static constexpr size_t fitElements = 20000;
/// The normal equations grow with the square of this; wider layers keep their weights.
static constexpr size_t mostTaps = 2400;
/// Where samples of positions come from: public, and the same on every machine.
static constexpr uint8_t positionKey[16] = {'r', 'e', 'f', 'i', 't'};

namespace {
/// The two networks, as far as the walk has come.
class Walk {
public:
  Walk(func::FuncOp function, const SampleBatch &samples, const Variant &replaced,
       const RefitOptions &options)
      : function(function), options(options), original(function, samples), changed(original),
        replaced(replaced) {}

  RefitResult run() {
    for (Operation &op : function.getBody().front()) {
      if (!isStep(op))
        continue;
      original.set(op.getResult(0), original.evaluate(op));
      if (auto relu = dyn_cast<nn::ReluOp>(op);
          relu && cast<RankedTensorType>(relu.getType()).getRank() >= 2)
        fitChannels(relu);
      else if (options.weights && isa<nn::Conv2dOp, nn::LinearOp>(op) && differs(op.getOperand(0)))
        refitLayer(op);
      bool same = !result.variant.changes(&op) &&
                  llvm::none_of(op.getOperands(), [&](Value v) { return differs(v); });
      changed.set(op.getResult(0),
                  same ? original.at(op.getResult(0)) : changed.evaluate(op, result.variant));
      releaseAll(op);
    }
    return std::move(result);
  }

private:
  bool differs(Value value) const {
    return !value.getDefiningOp<nn::ConstantOp>() && original.at(value) != changed.at(value);
  }

  void releaseAll(Operation &op) {
    original.release(op);
    changed.release(op);
  }

  void fitChannels(nn::ReluOp relu) {
    auto type = cast<RankedTensorType>(relu.getType());
    auto channels = static_cast<size_t>(type.getDimSize(1));
    size_t elements = 1;
    for (int64_t extent : type.getShape().drop_front(2))
      elements *= static_cast<size_t>(extent);
    auto given = replaced.activations.find(relu);
    std::vector<ChannelChoice> choices =
        given == replaced.activations.end() ? std::vector<ChannelChoice>(channels) : given->second;
    const Floats &z = *changed.at(relu.getInput()), &y = *original.at(relu.getResult());
    auto &polynomials = result.candidates.emplace_back(channels);
    size_t rows = z.size() / (channels * elements),
           stride = std::max<size_t>(1, rows * elements / fitElements);
    auto fitChannel = [&](size_t channel) {
      PolynomialFit fit;
      std::vector<float> kept(elements);
      auto eachRow = [&](auto visit) {
        for (size_t first = channel * elements; first < z.size();
             first += stride * channels * elements)
          visit(first);
      };
      eachRow([&](size_t first) { fit.observe(std::span(z).subspan(first, elements)); });
      if (!options.density)
        fit.addEvenly();
      eachRow([&](size_t first) {
        if (!options.density)
          return;
        std::span<const float> operand = std::span(z).subspan(first, elements);
        // A channel that still is a ReLU is compared with what it computes now.
        std::transform(operand.begin(), operand.end(), kept.begin(),
                       [](float v) { return std::max(v, 0.0f); });
        fit.add(operand, choices[channel].relu ? std::span<const float>(kept)
                                               : std::span(y).subspan(first, elements));
      });
      for (unsigned degree = 0; degree <= 2; ++degree)
        polynomials[channel][degree] = fit.solve(degree);
      if (!choices[channel].relu && choices[channel].fitted)
        choices[channel].polynomial = polynomials[channel][choices[channel].degree];
    };
    forEachOf(channels, fitChannel);
    if (!std::ranges::all_of(choices, &ChannelChoice::relu))
      result.variant.activations.insert({relu, std::move(choices)});
  }

  /// What a layer's result is to be, and what is added to it before it is compared.
  struct Target {
    Batch value, addend;
  };
  Target targetOf(Operation &op) {
    Value value = op.getResult(0);
    if (value.hasOneUse())
      if (auto sum = dyn_cast<nn::AddOp>(*value.user_begin())) {
        Value other = sum.getLhs() == value ? sum.getRhs() : sum.getLhs();
        Operation *source = other.getDefiningOp();
        bool known = !source || (isStep(*source) && source->isBeforeInBlock(&op));
        if (known && other.getType() == value.getType() && differs(other)) {
          auto total = std::make_shared<Floats>(*original.at(value));
          const Floats &addend = *original.at(other);
          for (size_t i = 0; i < total->size(); ++i)
            (*total)[i] += addend[i];
          return {total, changed.at(other)};
        }
      }
    return {original.at(value), nullptr};
  }

  void refitLayer(Operation &op) {
    LayerGeometry geometry(&op);
    if (geometry.taps > mostTaps || op.getNumOperands() < 3)
      return;
    nn::ConstantData weight(op.getOperand(1)), bias(op.getOperand(2));
    LayerWeights weights{{weight.begin(), weight.end()}, {bias.begin(), bias.end()}};
    Target target = targetOf(op);
    for (size_t group = 0; group < geometry.groups; ++group)
      refitGroup(op, geometry, group, target, weights);
    result.variant.weights.insert({&op, std::move(weights)});
  }

  /// Corrects the weights of one group by what they leave over at some positions of each sample.
  void refitGroup(Operation &op, const LayerGeometry &geometry, size_t group, const Target &target,
                  LayerWeights &weights) {
    const Floats &operand = *changed.at(op.getOperand(0));
    size_t samples = changed.samples(), taps = geometry.taps, outputs = geometry.outputs,
           features = taps + 1, inputSize = operand.size() / samples,
           resultSize = target.value->size() / samples;
    size_t perSample = std::min(geometry.positions, (extraRows + rowsPerTap * taps) / samples + 1);
    // [feature][output], the bias being the weight of a constant feature.
    std::vector<float> current(features * outputs);
    for (size_t o = 0; o < outputs; ++o) {
      for (size_t t = 0; t < taps; ++t)
        current[t * outputs + o] = weights.weight[(group * outputs + o) * taps + t];
      current[taps * outputs + o] = weights.bias[group * outputs + o];
    }
    RidgeRegression regression(features, outputs);
    AesKey key{std::span<const uint8_t, 16>(positionKey)};
    const size_t samplesAtOnce = (rowsAtOnce + perSample - 1) / perSample;
    std::vector<float> rows, residual, left;
    for (size_t from = 0; from < samples; from += samplesAtOnce) {
      const size_t taken = std::min(samplesAtOnce, samples - from), count = taken * perSample;
      rows.assign(count * features, 1);
      residual.resize(count * outputs);
      left.resize(count * outputs);
      auto gather = [&](size_t s) {
        Prg prg(key, s);
        std::vector<uint32_t> drawn(perSample);
        prg.fillWords(std::span(drawn));
        for (size_t i = 0; i < perSample; ++i) {
          const size_t row = (s - from) * perSample + i,
                       position =
                           perSample == geometry.positions ? i : drawn[i] % geometry.positions;
          geometry.gather(group, position, &operand[s * inputSize], &rows[row * features]);
          for (size_t o = 0; o < outputs; ++o) {
            size_t at = s * resultSize + geometry.resultIndex(group, position, o);
            residual[row * outputs + o] =
                (*target.value)[at] - (target.addend ? (*target.addend)[at] : 0.0f);
          }
        }
      };
      forEachOf(taken, [&](size_t i) { gather(from + i); });
      multiply(count, outputs, features, rows.data(), current.data(), left.data());
      for (size_t i = 0; i < left.size(); ++i)
        left[i] = residual[i] - left[i];
      regression.add(count, rows.data(), left.data());
    }
    std::vector<float> correction = regression.solve(options.ridge);
    for (size_t o = 0; o < outputs; ++o) {
      for (size_t t = 0; t < taps; ++t)
        weights.weight[(group * outputs + o) * taps + t] += correction[o * features + t];
      weights.bias[group * outputs + o] += correction[o * features + taps];
    }
  }

  func::FuncOp function;
  const RefitOptions &options;
  BatchValues original, changed;
  const Variant &replaced;
  RefitResult result;
};
} // namespace

RefitResult refit(func::FuncOp function, const SampleBatch &samples, const Variant &replaced,
                  const RefitOptions &options) {
  return Walk(function, samples, replaced, options).run();
}

} // namespace gfs
