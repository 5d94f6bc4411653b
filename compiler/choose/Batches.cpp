// SPDX-License-Identifier: Apache-2.0
#include "compiler/choose/Batches.h"

#include "compiler/evaluate/Program.h"
#include "compiler/evaluate/Workers.h"
#include "dialects/nn/NnConstants.h"
#include "runtime/base/Error.h"

#include <algorithm>

using namespace mlir;

namespace gfs {

SampleBatch SampleBatch::pick(std::span<const size_t> indices) const {
  SampleBatch chosen{indices.size(), {}};
  for (const std::vector<float> &all : inputs) {
    size_t size = all.size() / count;
    std::vector<float> &part = chosen.inputs.emplace_back();
    part.reserve(indices.size() * size);
    for (size_t index : indices) {
      auto first = all.begin() + static_cast<ptrdiff_t>(index * size);
      part.insert(part.end(), first, first + static_cast<ptrdiff_t>(size));
    }
  }
  return chosen;
}

SampleBatch SampleBatch::slice(size_t first, size_t some) const {
  std::vector<size_t> indices(some);
  for (size_t i = 0; i < some; ++i)
    indices[i] = first + i;
  return pick(indices);
}

bool isStep(Operation &op) { return !isa<nn::ConstantOp, func::ReturnOp>(op); }

Value servedValue(Value result) {
  Operation *op = result.getDefiningOp();
  return op && nn::isPostProcess(op) ? op->getOperand(0) : result;
}

static size_t elementsOf(Value value) {
  return static_cast<size_t>(cast<RankedTensorType>(value.getType()).getNumElements());
}

BatchValues::BatchValues(func::FuncOp function, const SampleBatch &samples) : count(samples.count) {
  for (BlockArgument argument : function.getArguments()) {
    const std::vector<float> &input = samples.inputs.at(argument.getArgNumber());
    values[argument] = std::make_shared<Floats>(input.begin(), input.end());
  }
}

const Batch &BatchValues::at(Value value) const {
  auto found = values.find(value);
  check(found != values.end(), "a value that was computed and not yet released");
  return found->second;
}

namespace {
/// One operation of the evaluator, with places for the values of one sample.
class OneStep {
public:
  /// `parameters` stand in for constant operands.
  OneStep(Operation &op, llvm::function_ref<Batch(Value)> batchOf, const LayerWeights *parameters)
      : op(op) {
    constants.reserve(op.getNumOperands());
    for (auto [index, operand] : llvm::enumerate(op.getOperands())) {
      if (operand.getDefiningOp<nn::ConstantOp>()) {
        constants.emplace_back(operand);
        program.alias(operand, {constants.back().begin(), constants.back().size()});
        if (parameters && index > 0)
          program.alias(operand, index == 1 ? parameters->weight : parameters->bias);
      } else if (program.read(operand).empty()) {
        inputs.push_back({batchOf(operand)->data(), program.define(operand)});
      }
    }
    if (!addLinearStep(program, op) && !addPoolStep(program, op) && !addLocalStep(program, op))
      throw Error(ExitCode::Internal,
                  "internal error: no float semantics for " + op.getName().getStringRef().str());
  }

  void run(size_t sample, FloatView result) {
    for (const Input &input : inputs)
      std::copy_n(input.from + sample * input.to.size(), input.to.size(), input.to.data());
    for (Evaluator::Program::Step &step : program.steps)
      step.run();
    std::ranges::copy(program.read(op.getResult(0)), result.begin());
  }

private:
  struct Input {
    const float *from;
    FloatView to;
  };
  Operation &op;
  Evaluator::Program program;
  std::vector<Input> inputs;
  std::vector<nn::ConstantData> constants;
};
} // namespace

/// Runs one operation on each sample.
static Batch runEach(Operation &op, size_t samples, llvm::function_ref<Batch(Value)> batchOf,
                     const LayerWeights *parameters) {
  const size_t size = elementsOf(op.getResult(0));
  auto result = std::make_shared<Floats>(samples * size);
  forEachPart(samples, [&](size_t first, size_t some) {
    OneStep step(op, batchOf, parameters);
    for (size_t s = first; s < first + some; ++s)
      step.run(s, std::span(*result).subspan(s * size, size));
  });
  return result;
}

Batch BatchValues::evaluate(Operation &op) const {
  return runEach(op, count, [&](Value value) { return at(value); }, nullptr);
}

Floats applyChoices(std::span<const float> z, size_t channels, size_t elementsPerChannel,
                    std::span<const ChannelChoice> choices) {
  Floats result(z.size());
  auto applyTo = [&](size_t row) {
    const ChannelChoice &choice = choices[row % channels];
    const float *in = &z[row * elementsPerChannel];
    float *out = &result[row * elementsPerChannel];
    auto a = static_cast<float>(choice.polynomial.a), b = static_cast<float>(choice.polynomial.b),
         c = static_cast<float>(choice.polynomial.c);
    if (choice.relu)
      for (size_t i = 0; i < elementsPerChannel; ++i)
        out[i] = std::max(in[i], 0.0f);
    else
      for (size_t i = 0; i < elementsPerChannel; ++i)
        out[i] = (a * in[i] + b) * in[i] + c;
  };
  forEachOf(z.size() / elementsPerChannel, applyTo);
  return result;
}

/// Elements that lie one after the other in one channel of [N, C, ...].
static size_t inner(nn::ReluOp relu) {
  size_t product = 1;
  for (int64_t extent : cast<RankedTensorType>(relu.getType()).getShape().drop_front(2))
    product *= static_cast<size_t>(extent);
  return product;
}

Batch BatchValues::evaluate(Operation &op, const Variant &variant) const {
  auto choices = variant.activations.find(&op);
  if (choices != variant.activations.end()) {
    auto relu = cast<nn::ReluOp>(op);
    return std::make_shared<Floats>(
        applyChoices(*at(relu.getInput()), choices->second.size(), inner(relu), choices->second));
  }
  auto weights = variant.weights.find(&op);
  return runEach(
      op, count, [&](Value value) { return at(value); },
      weights == variant.weights.end() ? nullptr : &weights->second);
}

void BatchValues::release(Operation &op) {
  for (Value operand : op.getOperands()) {
    bool usedLater = llvm::any_of(operand.getUsers(), [&](Operation *user) {
      return user != &op && op.isBeforeInBlock(user);
    });
    if (!usedLater)
      values.erase(operand);
  }
}

std::vector<std::vector<float>> evaluateVariant(func::FuncOp function, const SampleBatch &samples,
                                                const Variant &variant) {
  Block &block = function.getBody().front();
  BatchValues values(function, samples);
  std::vector<std::vector<float>> outputs(block.getTerminator()->getNumOperands());
  for (Operation &op : block) {
    if (!isStep(op))
      continue;
    values.set(op.getResult(0), values.evaluate(op, variant));
    for (auto [index, result] : llvm::enumerate(block.getTerminator()->getOperands()))
      if (servedValue(result) == op.getResult(0)) {
        const Floats &output = *values.at(op.getResult(0));
        outputs[index].assign(output.begin(), output.end());
      }
    values.release(op);
  }
  return outputs;
}

} // namespace gfs
