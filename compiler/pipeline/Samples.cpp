// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/Samples.h"

#include "compiler/calibrate/SyntheticInputs.h"
#include "dialects/nn/NnDialect.h"
#include "runtime/tensor/TensorFile.h"

#include <algorithm>
#include <cmath>
#include <fmt/ranges.h>

using namespace mlir;

namespace gfs {

SampleSet SampleSet::repeated(size_t times) const {
  SampleSet all = *this;
  all.count = count * times;
  for (size_t i = 0; i < inputs.size(); ++i) {
    all.inputs[i].reserve(inputs[i].size() * times);
    for (size_t round = 1; round < times; ++round)
      llvm::append_range(all.inputs[i], inputs[i]);
  }
  return all;
}

SampleSet SampleSet::spread(size_t some) const {
  if (some >= count)
    return *this;
  SampleSet chosen;
  chosen.count = some;
  chosen.synthetic = synthetic;
  for (const std::vector<float> &all : inputs) {
    size_t size = all.size() / count;
    std::vector<float> part;
    part.reserve(some * size);
    for (size_t i = 0; i < some; ++i) {
      auto first = all.begin() + static_cast<ptrdiff_t>(i * count / some * size);
      part.insert(part.end(), first, first + static_cast<ptrdiff_t>(size));
    }
    chosen.inputs.push_back(std::move(part));
  }
  return chosen;
}

std::string inputName(func::FuncOp main, unsigned index) {
  auto name = main.getArgAttrOfType<StringAttr>(index, nn::nameAttr);
  return name ? name.getValue().str() : fmt::format("input {}", index);
}

static std::vector<uint64_t> inputShape(func::FuncOp main, unsigned index) {
  auto shape = cast<RankedTensorType>(main.getArgumentTypes()[index]).getShape();
  return {shape.begin(), shape.end()};
}

/// Extents other than one: what tells an image from its transpose, but not 28x28 from 1x28x28.
static std::vector<uint64_t> significant(std::span<const uint64_t> shape) {
  std::vector<uint64_t> extents;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(extents),
               [](uint64_t extent) { return extent != 1; });
  return extents;
}

/// How many samples of `shape` the array holds; 0 if it does not fit.
static size_t samplesIn(const Tensor &array, const std::vector<uint64_t> &shape) {
  if (array.elements() == 0)
    return 0;
  if (significant(array.shape) == significant(shape))
    return 1;
  if (array.shape.empty())
    return 0;
  const auto rest = significant(std::span(array.shape).subspan(1));
  if (rest == significant(shape))
    return static_cast<size_t>(array.shape.front());
  // A model of a batch takes several along the first axis.
  const uint64_t batch = shape.empty() ? 1 : shape.front();
  bool fits = batch > 1 && array.shape.front() % batch == 0 &&
              rest == significant(std::span(shape).subspan(1));
  return fits ? static_cast<size_t>(array.shape.front() / batch) : 0;
}

/// What to save for this model.
static std::string howToSave(func::FuncOp main) {
  if (main.getNumArguments() == 1)
    return "save an array of shape [samples, ...], preprocessed as the model expects";
  std::vector<std::string> names;
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    names.push_back(inputName(main, i));
  return fmt::format("save an .npz with an array of shape [samples, ...] for each input: {}",
                     fmt::join(names, ", "));
}

static const Tensor &arrayFor(const std::vector<Tensor> &arrays, func::FuncOp main, unsigned index,
                              const std::string &spec) {
  const std::string name = inputName(main, index);
  const std::vector<uint64_t> shape = inputShape(main, index);
  auto named = std::find_if(arrays.begin(), arrays.end(),
                            [&](const Tensor &array) { return array.name == name; });
  if (named != arrays.end() && samplesIn(*named, shape))
    return *named;
  std::vector<const Tensor *> fitting;
  std::vector<std::string> found;
  for (const Tensor &array : arrays) {
    if (samplesIn(array, shape))
      fitting.push_back(&array);
    found.push_back((array.name.empty() ? "" : array.name + " ") + shapeText(array.shape));
  }
  if (fitting.size() == 1)
    return *fitting.front();
  throw Error(ExitCode::InvalidInput,
              fmt::format("{}: {} for input '{}' of shape {}; it holds {}", spec,
                          fitting.empty() ? "no array has samples" : "several arrays have samples",
                          name, shapeText(shape), fmt::join(found, ", ")),
              fitting.empty() ? howToSave(main) : "name one: FILE.npz:NAME");
}

static std::vector<Tensor> readArrays(const std::string &spec) {
  if (parseTensorSpec(spec).name.empty())
    return readTensors(spec);
  return {readTensor(spec)};
}

static void requireFinite(const std::vector<float> &values, const std::string &file,
                          const std::string &input) {
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: the samples for input '{}' hold NaN or infinity", file, input),
                "check how the samples are made");
}

SampleSet readSamples(const std::string &spec, func::FuncOp main, size_t most) {
  std::vector<Tensor> arrays = readArrays(spec);
  SampleSet samples;
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    std::vector<uint64_t> shape = inputShape(main, i);
    const Tensor &array = arrayFor(arrays, main, i, spec);
    size_t count = samplesIn(array, shape);
    if (i > 0 && count != samples.count)
      throw Error(ExitCode::InvalidInput,
                  fmt::format("{}: {} samples for input '{}', but {} for '{}'", spec, count,
                              inputName(main, i), samples.count, inputName(main, 0)),
                  "give each input the same number of samples");
    samples.count = count;
    samples.inputs.push_back(array.toFloat());
    requireFinite(samples.inputs.back(), spec, inputName(main, i));
  }
  SampleSet taken = samples.spread(most);
  taken.given = samples.count;
  return taken;
}

SampleSet samplesOf(const std::vector<TestSet> &sets, func::FuncOp main) {
  SampleSet samples;
  samples.count = sets.size();
  samples.inputs.resize(main.getNumArguments());
  for (const TestSet &set : sets)
    for (unsigned i = 0; i < main.getNumArguments(); ++i) {
      auto type = cast<RankedTensorType>(main.getArgumentTypes()[i]);
      std::vector<float> values =
          tensorOfPort(set.inputs, i, main.getNumArguments(), inputName(main, i),
                       static_cast<uint64_t>(type.getNumElements()), "input", set.name)
              .toFloat();
      requireFinite(values, set.name, inputName(main, i));
      samples.inputs[i].insert(samples.inputs[i].end(), values.begin(), values.end());
    }
  return samples.spread(mostSamples);
}

SampleSet makeSamples(func::FuncOp main, size_t count) {
  SampleSet samples;
  samples.count = count;
  samples.synthetic = true;
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    auto shape = cast<RankedTensorType>(main.getArgumentTypes()[i]).getShape();
    samples.inputs.push_back(syntheticInputs(shape, count, InputRange{}));
  }
  return samples;
}

} // namespace gfs
