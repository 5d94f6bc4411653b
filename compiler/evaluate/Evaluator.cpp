// SPDX-License-Identifier: Apache-2.0
#include "compiler/evaluate/Evaluator.h"

#include "compiler/evaluate/OpenMp.h"
#include "compiler/evaluate/Program.h"
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnDialect.h"
#include "runtime/base/Error.h"

using namespace mlir;

namespace gfs {

FloatView Evaluator::Program::define(Value value) {
  auto elements = static_cast<size_t>(cast<RankedTensorType>(value.getType()).getNumElements());
  FloatView place = buffers.emplace_back(elements, 0.0f);
  places[value] = place;
  return place;
}

/// oneDNN splits every layer over all cores, and OpenMP's threads spin while they wait for each
/// other: with layers of microseconds, and most of all on a busy machine, that is tens of times
/// slower than one core alone. Networks below this size run on one.
static constexpr double leastParallelMultiplications = 5e8;
void chooseThreads(func::FuncOp function) {
  setLayerThreads(nn::multiplications(function) < leastParallelMultiplications ? 1
                                                                               : layerProcessors());
}

Evaluator::Evaluator(func::FuncOp function) : program(std::make_unique<Program>()) {
  chooseThreads(function);
  for (BlockArgument argument : function.getArguments()) {
    program->define(argument);
    program->arguments.push_back(argument);
  }
  for (Operation &op : function.getBody().front()) {
    if (auto constant = dyn_cast<nn::ConstantOp>(op)) {
      nn::ConstantData data(constant.getValue());
      // Splats are expanded by ConstantData and would die with it.
      std::vector<float> &copy = program->buffers.emplace_back();
      if (isa<DenseResourceElementsAttr>(constant.getValue()))
        program->alias(constant.getResult(), {data.begin(), data.size()});
      else
        copy.assign(data.begin(), data.end()), program->alias(constant.getResult(), copy);
    } else if (auto ret = dyn_cast<func::ReturnOp>(op)) {
      program->outputs.assign(ret.operand_begin(), ret.operand_end());
    } else if (!addLinearStep(*program, op) && !addPoolStep(*program, op) &&
               !addLocalStep(*program, op)) {
      throw Error(ExitCode::Internal,
                  "internal error: no float semantics for " + op.getName().getStringRef().str());
    }
  }
}

Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator &&) noexcept = default;

std::vector<std::vector<float>> Evaluator::run(std::span<const std::span<const float>> inputs,
                                               const Observer &observer) {
  check(inputs.size() == program->arguments.size(), "one array per input of the network");
  for (size_t i = 0; i < inputs.size(); ++i) {
    ConstFloatView place = program->read(program->arguments[i]);
    check(inputs[i].size() == place.size(), "an input of the argument's size");
    std::copy(inputs[i].begin(), inputs[i].end(), const_cast<float *>(place.data()));
    if (observer)
      observer(program->arguments[i], place);
  }
  for (Program::Step &step : program->steps) {
    step.run();
    if (observer)
      observer(step.result, program->read(step.result));
  }
  std::vector<std::vector<float>> results;
  for (Value output : program->outputs) {
    ConstFloatView data = program->read(output);
    results.emplace_back(data.begin(), data.end());
  }
  return results;
}

std::vector<std::vector<float>> Evaluator::runSamples(size_t samples,
                                                      std::span<const std::vector<float>> inputs,
                                                      const Observer &observer) {
  std::vector<std::vector<float>> results(program->outputs.size());
  std::vector<std::span<const float>> sample(inputs.size());
  for (size_t s = 0; s < samples; ++s) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      size_t size = inputs[i].size() / samples;
      sample[i] = std::span(inputs[i]).subspan(s * size, size);
    }
    std::vector<std::vector<float>> outputs = run(sample, observer);
    for (size_t o = 0; o < outputs.size(); ++o)
      results[o].insert(results[o].end(), outputs[o].begin(), outputs[o].end());
  }
  return results;
}

} // namespace gfs
