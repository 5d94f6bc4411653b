// SPDX-License-Identifier: Apache-2.0
#include "compiler/precision/DistributeBits.h"

#include "compiler/choose/Derivatives.h"
#include "compiler/choose/LayerGeometry.h"
#include "compiler/choose/LeastSquares.h"
#include "compiler/evaluate/Workers.h"
#include "dialects/fixed/FixedDialect.h"
#include "dialects/nn/NnConstants.h"
#include "passes/convert/NnToFixedFit.h"
#include "runtime/crypto/Prg.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace gfs {

/// Where directions of the outputs come from: public, and the same on every machine.
static constexpr uint8_t directionKey[16] = {'d', 'i', 'r', 'e', 'c', 't', 'i', 'o', 'n'};
/// More or fewer bits than these would say that samples were too few, not what is needed.
static constexpr double fewestExtra = -3, mostExtra = 6, leastExtraScale = -16, mostExtraScale = 16;
/// Positions that one matrix product takes of a layer.
static constexpr size_t positionsAtOnce = 2048;
/// Operands of all positions of a layer, which derivatives hold at once, at most.
static constexpr double mostPatches = 0x1p27;

/// The constant that holds the weights of a linear operation; null for other operations.
static Value weightsOf(Operation *op) {
  if (isa<nn::Conv2dOp, nn::LinearOp, nn::BatchNormOp>(op))
    return nn::constantValue(op->getOperand(1)) ? op->getOperand(1) : Value();
  // Other scalars are public: the values are held without them.
  if (auto mul = dyn_cast<nn::MulOp>(op); mul && isLinearMul(mul))
    for (Value operand : op->getOperands())
      if (nn::constantValue(operand))
        return operand;
  return {};
}

static Value inputOf(Operation *linear) {
  return linear->getOperand(linear->getOperand(0) == weightsOf(linear) ? 1 : 0);
}

static bool isActivation(Value value) {
  return isa_and_nonnull<nn::ReluOp, nn::FunctionOp>(value.getDefiningOp());
}

static double squaredNorm(std::span<const float> values) {
  double sum = 0;
  for (float value : values)
    sum += double(value) * value;
  return sum;
}

/// The squared norm of the derivatives with respect to the weights of a convolution or matrix
/// product, of one sample; `gradient` holds those with respect to the result.
static double layerGradient(Operation *layer, const Floats &input,
                            const std::vector<float> &gradient) {
  LayerGeometry geometry(layer);
  std::vector<float> patches, slopes, product(geometry.taps * geometry.outputs);
  double sum = 0;
  for (size_t group = 0; group < geometry.groups; ++group) {
    std::ranges::fill(product, 0.0f);
    for (size_t first = 0; first < geometry.positions; first += positionsAtOnce) {
      const size_t some = std::min(positionsAtOnce, geometry.positions - first);
      patches.resize(some * geometry.taps);
      slopes.resize(some * geometry.outputs);
      for (size_t p = 0; p < some; ++p) {
        geometry.gather(group, first + p, input.data(), &patches[p * geometry.taps]);
        for (size_t o = 0; o < geometry.outputs; ++o)
          slopes[p * geometry.outputs + o] = gradient[geometry.resultIndex(group, first + p, o)];
      }
      addTransposedProduct(geometry.taps, geometry.outputs, some, patches.data(), slopes.data(),
                           product.data());
    }
    sum += squaredNorm(product);
  }
  return sum;
}

/// Squared: errors of many weights average out to what is expected, one factor's may be twice it.
static constexpr double factorOfSingle = 4;

/// The same with respect to a factor for each channel, or to one for all.
static double scalingGradient(Operation *scaling, const Floats &input,
                              const std::vector<float> &gradient) {
  if (input.size() != gradient.size()) // a factor that broadcasting enlarges is no common one
    return 0;
  auto shape = cast<RankedTensorType>(scaling->getResult(0).getType()).getShape();
  const bool single =
      isa<nn::MulOp>(scaling) && nn::splatValue(nn::constantValue(weightsOf(scaling)));
  size_t channels = single || shape.size() < 2 ? 1 : static_cast<size_t>(shape[1]), rest = 1;
  for (int64_t extent : shape.drop_front(std::min<size_t>(shape.size(), 2)))
    rest *= static_cast<size_t>(extent);
  std::vector<double> sums(channels);
  for (size_t i = 0; i < input.size(); ++i)
    sums[i / rest % channels] += double(input[i]) * gradient[i];
  double sum = 0;
  for (double each : sums)
    sum += each * each;
  return single ? factorOfSingle * sum : sum;
}

namespace {
/// Sums of squared derivatives of the outputs, in units of their spread.
struct Influence {
  llvm::DenseMap<Value, double> ofValues;        ///< Of errors of variance 1 in all elements.
  llvm::DenseMap<Operation *, double> ofWeights; ///< In all weights of a linear operation.

  void operator+=(const Influence &other) {
    for (auto [value, sum] : other.ofValues)
      ofValues[value] += sum;
    for (auto [linear, sum] : other.ofWeights)
      ofWeights[linear] += sum;
  }
};
} // namespace

static double variance(std::span<const float> values) {
  double count = static_cast<double>(values.size()), sum = 0;
  for (float value : values)
    sum += value;
  return squaredNorm(values) / count - std::pow(sum / count, 2);
}

/// A sign for each element, in units of the output's spread over all samples.
static void addDirection(double unit, Prg prg, size_t size, std::vector<float> &gradient) {
  std::vector<uint32_t> words(size);
  prg.fillWords(std::span(words));
  gradient.resize(size);
  for (size_t i = 0; i < size; ++i)
    gradient[i] += static_cast<float>(words[i] & 1 ? unit : -unit);
}

/// Follows a direction of the outputs back; `units` are those of each output.
static Influence influenceOnSample(func::FuncOp function, const SampleBatch &sample, size_t number,
                                   ArrayRef<double> units) {
  BatchValues values(function, sample);
  Block &block = function.getBody().front();
  for (Operation &op : block)
    if (isStep(op) && !nn::isPostProcess(&op))
      values.set(op.getResult(0), values.evaluate(op));
  llvm::DenseMap<Value, std::vector<float>> gradients;
  AesKey key{std::span<const uint8_t, 16>(directionKey)};
  for (auto [index, result] : llvm::enumerate(block.getTerminator()->getOperands()))
    addDirection(units[index], Prg(key, number * 64 + index),
                 values.at(servedValue(result))->size(), gradients[servedValue(result)]);
  Influence influence;
  auto take = [&](Value value) {
    std::vector<float> gradient = std::move(gradients[value]);
    gradients.erase(value);
    influence.ofValues[value] = squaredNorm(gradient);
    return gradient;
  };
  for (Operation &op : llvm::reverse(block)) {
    if (!isStep(op) || !gradients.contains(op.getResult(0)))
      continue;
    std::vector<float> gradient = take(op.getResult(0));
    if (weightsOf(&op)) {
      const Floats &input = *values.at(inputOf(&op));
      influence.ofWeights[&op] = isa<nn::Conv2dOp, nn::LinearOp>(op)
                                     ? layerGradient(&op, input, gradient)
                                     : scalingGradient(&op, input, gradient);
    }
    addOperandGradients(op, {}, values, gradient, [&](Value value) -> std::vector<float> & {
      std::vector<float> &sum = gradients[value];
      sum.resize(values.at(value)->size());
      return sum;
    });
  }
  // Linear layers give none for the network's inputs, so those of other uses say too little.
  for (BlockArgument argument : function.getArguments())
    if (gradients.contains(argument) && llvm::none_of(argument.getUsers(), [](Operation *user) {
          return isa<nn::Conv2dOp, nn::LinearOp>(user);
        }))
      take(argument);
  return influence;
}

static Influence measureInfluence(func::FuncOp function, const SampleBatch &samples) {
  std::vector<double> units;
  for (const std::vector<float> &output : evaluateVariant(function, samples, {}))
    units.push_back(
        1 / std::sqrt(std::max(variance(output) * static_cast<double>(output.size()), 1e-30)));
  std::vector<Influence> each(samples.count);
  forEachOf(samples.count, [&](size_t s) {
    each[s] = influenceOnSample(function, samples.slice(s, 1), s, units);
  });
  // One after the other: sums do not depend on how many threads there are.
  Influence sum;
  for (const Influence &influence : each)
    sum += influence;
  return sum;
}

/// Whether derivatives of all layers fit into memory.
static bool isTractable(func::FuncOp function) {
  return llvm::none_of(function.getBody().front(), [](Operation &op) {
    if (!isa<nn::Conv2dOp, nn::LinearOp>(op))
      return false;
    auto weight = cast<RankedTensorType>(op.getOperand(1).getType());
    auto result = cast<RankedTensorType>(op.getResult(0).getType());
    double outputs = static_cast<double>(weight.getDimSize(0));
    return static_cast<double>(result.getNumElements()) / outputs *
               (static_cast<double>(weight.getNumElements()) / outputs) >
           mostPatches;
  });
}

/// Bits with which a value's error counts 1, but for a constant; nullopt if nothing depends on it.
static std::optional<double> bitsFor(double influence, double magnitude) {
  if (!(influence > 0 && magnitude > 0 && std::isfinite(influence)))
    return std::nullopt;
  return std::log2(influence) / 2 + std::log2(magnitude);
}

void distributeBits(func::FuncOp function, const SampleBatch &samples) {
  if (!isTractable(function))
    return;
  const Influence influence = measureInfluence(function, samples);
  std::vector<Value> values(function.getArguments().begin(), function.getArguments().end());
  for (Operation &op : function.getBody().front())
    if (isStep(op) && !nn::isPostProcess(&op))
      values.push_back(op.getResult(0));
  std::vector<std::pair<Value, double>> needs;
  std::vector<double> ofActivations;
  for (Value value : values)
    if (auto range = fixed::calibratedRange(value))
      if (auto bits = bitsFor(influence.ofValues.lookup(value), range->magnitude())) {
        needs.emplace_back(value, *bits);
        if (isActivation(value))
          ofActivations.push_back(*bits);
      }
  if (ofActivations.empty())
    return;
  auto median = ofActivations.begin() + static_cast<ptrdiff_t>(ofActivations.size() / 2);
  std::nth_element(ofActivations.begin(), median, ofActivations.end());
  auto extra = [&](double bits, double fewest, double most) {
    return std::clamp(bits - *median, fewest, most);
  };
  for (auto [value, bits] : needs)
    fixed::setExtraBits(value, extra(bits, fewestExtra, mostExtra));
  for (Operation &op : function.getBody().front())
    if (auto scale = bitsFor(influence.ofWeights.lookup(&op), 1))
      fixed::setExtraWeightScale(&op, extra(*scale, leastExtraScale, mostExtraScale));
}

} // namespace gfs
