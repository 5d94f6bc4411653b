// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Workload.h"

#include "runtime/base/OutputPath.h"
#include "runtime/tensor/TensorFile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace gfs::serve {

/// The shape without axes of length 1, in which [28, 28], [1, 28, 28] and [1, 1, 28, 28] are the
/// same.
static std::vector<uint64_t> squeezed(std::span<const uint64_t> shape) {
  std::vector<uint64_t> result;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(result),
               [](uint64_t axis) { return axis != 1; });
  return result;
}

/// Tensors by port name, as the --input flags name them.
static std::map<std::string, Tensor> readInputs(const plan::Plan &plan,
                                                const std::vector<std::string> &specs) {
  auto isPort = [&](const std::string &name) {
    return std::any_of(plan.inputs().begin(), plan.inputs().end(),
                       [&](const auto &port) { return port.name() == name; });
  };
  std::map<std::string, Tensor> tensors;
  auto add = [&](const std::string &port, Tensor tensor, const std::string &spec) {
    if (!tensors.emplace(port, std::move(tensor)).second)
      throw Error(ExitCode::Usage,
                  fmt::format("--input {}: input \"{}\" is given twice", spec, port),
                  "give one file for each input, PORT=FILE if there are several");
  };
  for (const std::string &spec : specs) {
    size_t equals = spec.find('=');
    if (equals != std::string::npos && isPort(spec.substr(0, equals))) {
      add(spec.substr(0, equals), readTensor(spec.substr(equals + 1)), spec);
    } else if (plan.inputs_size() == 1) {
      add(plan.inputs(0).name(), readTensor(spec), spec);
    } else {
      for (Tensor &tensor : readTensors(spec))
        if (std::string name = tensor.name; isPort(name))
          add(name, std::move(tensor), spec);
    }
  }
  return tensors;
}

/// How many requests `tensor` holds for a port of this shape.
static uint64_t requestsIn(const Tensor &tensor, const PortShape &port, const std::string &name,
                           bool batch) {
  auto refuse = [&](const std::string &hint) {
    return Error(ExitCode::InvalidInput,
                 fmt::format("input \"{}\": the tensor has shape {}, the plan takes {}", name,
                             shapeText(tensor.shape), shapeText(port.shape)),
                 hint);
  };
  if (squeezed(tensor.shape) == squeezed(port.shape))
    return 1;
  if (tensor.shape.empty())
    throw refuse("give a tensor of this shape");
  // Requests lie along an axis of their own, or along the port's batch.
  const uint64_t items = tensor.shape[0];
  if (items == 0)
    throw Error(ExitCode::InvalidInput,
                fmt::format("input \"{}\": the tensor has shape {}: it holds no inputs", name,
                            shapeText(tensor.shape)),
                "give one input at least");
  const std::vector<uint64_t> item = squeezed(std::span(tensor.shape).subspan(1));
  const bool ownAxis = item == squeezed(port.shape);
  const uint64_t planBatch = ownAxis ? 1 : port.shape.empty() ? 0 : port.shape[0];
  if (planBatch == 0 || (!ownAxis && item != squeezed(std::span(port.shape).subspan(1))))
    throw refuse("images are [batch, channels, height, width]");
  if (!batch)
    throw refuse("--batch runs one request after another over the leading axis");
  if (items % planBatch != 0)
    throw refuse(fmt::format("the leading axis must be a multiple of {}", planBatch));
  return items / planBatch;
}

Workload::Workload(const plan::Plan &plan, WorkloadOptions given)
    : plan(plan), options(std::move(given)) {
  std::map<std::string, Tensor> tensors = readInputs(plan, options.inputs);
  for (const plan::Port &port : plan.inputs()) {
    auto found = tensors.find(port.name());
    if (found == tensors.end())
      throw Error(ExitCode::Usage, fmt::format("input \"{}\" is missing", port.name()),
                  fmt::format("give it with --input '{}=FILE'", port.name()));
    Input input{found->second.toFloat(), portShape(plan, port), port.name(), port.seen()};
    uint64_t requests = requestsIn(found->second, input.shape, port.name(), options.batch);
    if (!portInputs.empty() && requests != count)
      throw Error(
          ExitCode::InvalidInput,
          fmt::format("input \"{}\" holds {} requests, others {}", port.name(), requests, count),
          "give every input the same number of requests");
    count = requests;
    portInputs.push_back(std::move(input));
  }
  if (options.limit > 0)
    count = std::min(count, options.limit);
  for (const plan::Port &port : plan.outputs())
    portOutputs.push_back({port.name(), portShape(plan, port), {}});

  if (!options.labels.empty())
    readLabels();
  if (!options.expected.empty())
    readExpected();
  if (!options.output.empty())
    for (const Output &output : portOutputs)
      requireWritable(outputFile(output), "--output", files());
  requireEncodable();
}

/// By so much values may exceed what was seen: the head-room that plans have unless told otherwise.
static constexpr double headroom = 2;

std::string Workload::beyondCalibration() const {
  std::string text;
  for (const Input &input : portInputs) {
    const uint64_t given = count * input.shape.elements;
    double greatest = 0;
    uint64_t beyond = 0;
    for (uint64_t i = 0; i < given; ++i) {
      const double magnitude = std::abs(input.values[i]);
      greatest = std::max(greatest, magnitude);
      beyond += magnitude > headroom * input.seen ? 1 : 0;
    }
    if (input.seen > 0 && beyond > 0)
      text +=
          fmt::format("{}input \"{}\": {} of {} values are beyond what the plan was made for "
                      "(up to {:.3g}, the calibration samples reach {:.3g}): answers may be wrong "
                      "without any other sign; preprocess as for training, or compile with such "
                      "samples",
                      text.empty() ? "" : "; ", input.name, beyond, given, greatest, input.seen);
  }
  return text;
}

/// What does not fit is refused before any request costs material.
void Workload::requireEncodable() const {
  for (uint64_t i = 0; i < count; ++i)
    try {
      inputs(i);
    } catch (const Error &error) {
      throw Error(error.code(), fmt::format("request {} of {}: {}", i, count, error.what()),
                  error.hint());
    }
}

/// Rows of the first output, each of which has a label.
uint64_t Workload::rows() const {
  uint64_t elements = 1;
  for (uint64_t extent : outputShape(portOutputs.front()))
    elements *= extent;
  return elements / rowLength();
}

void Workload::requireRows(uint64_t values, uint64_t perRow, const std::string &file) const {
  if (values < rows() * perRow)
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: holds {} values, {} are needed", file, values, rows() * perRow),
                "give one row for each request");
}

/// A wrong array would give an accuracy that means nothing. It may have labels for more inputs than
/// are asked for.
void Workload::readLabels() {
  const std::string &file = options.labels;
  const Tensor tensor = readTensor(file);
  try {
    labels = tensor.toInt64();
  } catch (const Error &error) {
    throw Error(error.code(), fmt::format("{}: {}", file, error.what()), error.hint());
  }
  requireRows(labels.size(), 1, file);
  const std::vector<uint64_t> shape = outputShape(portOutputs.front());
  const uint64_t length = rowLength(), rowsOfOne = shape.size() > 1 ? rows() / shape[0] : 1;
  const uint64_t items = tensor.shape.empty() ? 1 : tensor.shape[0];
  if (labels.size() != rows() && labels.size() != items * rowsOfOne) {
    const bool oneHot = length > 1 && labels.size() == items * rowsOfOne * length;
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: has shape {}, expects one class number for each input{}", file,
                            shapeText(tensor.shape),
                            oneHot ? fmt::format(", got {} values (one-hot?)", length) : ""),
                oneHot ? "give class numbers, for example labels.argmax(-1)"
                       : "give an array with one class number for each input");
  }
  for (uint64_t i = 0; i < rows(); ++i)
    if (labels[i] < 0 || (length > 1 && static_cast<uint64_t>(labels[i]) >= length))
      throw Error(ExitCode::InvalidInput,
                  length > 1
                      ? fmt::format("{}: label {} is {}, the plan has classes 0 to {}", file, i,
                                    labels[i], length - 1)
                      : fmt::format("{}: label {} is {}, no class number", file, i, labels[i]),
                  "number classes from 0, as the model's outputs are");
}

/// Answers of another network would give an agreement that means nothing.
void Workload::readExpected() {
  const Tensor tensor = readTensor(options.expected);
  if (tensor.elements() % rowLength() != 0)
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: has shape {}, the plan's output \"{}\" {}", options.expected,
                            shapeText(tensor.shape), portOutputs.front().name,
                            shapeText(outputShape(portOutputs.front()))),
                "save the outputs of this model for these inputs");
  requireRows(tensor.elements(), rowLength(), options.expected);
  expected = tensor.toFloat();
}

std::vector<std::filesystem::path> Workload::files() const {
  std::vector<std::filesystem::path> paths;
  auto add = [&](std::string spec) {
    // PORT=FILE and FILE:NAME name one of these; what is no file does no harm.
    paths.push_back(spec);
    spec = spec.substr(spec.find('=') + 1);
    paths.push_back(spec);
    paths.push_back(spec.substr(0, spec.rfind(':')));
  };
  for (const std::string &spec : options.inputs)
    add(spec);
  add(options.labels);
  add(options.expected);
  return paths;
}

std::vector<ClearWords> Workload::inputs(uint64_t inference) const {
  const uint64_t request = inference % count;
  std::vector<ClearWords> words;
  for (const Input &input : portInputs) {
    auto values =
        std::span(input.values).subspan(request * input.shape.elements, input.shape.elements);
    words.push_back(encodeFixed(Ring{plan.ring_bits()}, input.shape.scale, values));
  }
  return words;
}

std::vector<std::vector<ClearWords>> Workload::groupFrom(uint64_t first, uint64_t size) const {
  std::vector<std::vector<ClearWords>> group;
  for (uint64_t i = 0; i < size; ++i)
    group.push_back(inputs(first + i));
  return group;
}

void Workload::setOutputs(uint64_t inference, std::span<const ClearWords> outputs) {
  check(outputs.size() == portOutputs.size(), "number of outputs");
  const uint64_t request = inference % count;
  for (size_t i = 0; i < outputs.size(); ++i) {
    Output &output = portOutputs[i];
    std::vector<float> values = decodeFixed(Ring{plan.ring_bits()}, output.shape.scale, outputs[i]);
    values = postProcess(plan, plan.outputs(static_cast<int>(i)), std::move(values));
    output.values.resize(count * values.size(), std::numeric_limits<float>::quiet_NaN());
    std::copy(values.begin(), values.end(),
              output.values.begin() + static_cast<ptrdiff_t>(request * values.size()));
  }
  ++set;
}

// --- Outputs ------------------------------------------------------------------------------------

/// The model's shape, with the requests along the leading axis.
std::vector<uint64_t> Workload::outputShape(const Output &output) const {
  const plan::Port &port = plan.outputs(static_cast<int>(&output - portOutputs.data()));
  std::vector<uint64_t> shape(port.shape().begin(), port.shape().end());
  if (shape.empty())
    shape = postProcessShape(port, output.shape.shape);
  if (count > 1 && !shape.empty())
    shape[0] *= count;
  else if (count > 1)
    shape.push_back(count);
  return shape;
}

/// As the flag says; with several outputs each has its name in it.
std::filesystem::path Workload::outputFile(const Output &output) const {
  std::filesystem::path path = options.output;
  if (portOutputs.size() > 1) {
    std::string name = output.name;
    std::replace_if(
        name.begin(), name.end(),
        [](unsigned char c) { return !std::isalnum(c) && c != '-' && c != '_'; }, '_');
    path.replace_extension();
    path += "." + name + ".npy";
  }
  return path;
}

void Workload::writeOutputs() const {
  if (options.output.empty())
    return;
  for (const Output &output : portOutputs)
    writeNpy(outputFile(output),
             makeTensor<float>(outputShape(output), output.values, output.name));
}

/// Values that compete for being the largest; 1 if positions have been taken already.
uint64_t Workload::rowLength() const {
  const Output &output = portOutputs.front();
  std::vector<uint64_t> shape = postProcessShape(plan.outputs(0), output.shape.shape);
  return givesIndices(plan.outputs(0)) || shape.empty() ? 1 : shape.back();
}

static uint64_t largest(std::span<const float> row) {
  return static_cast<uint64_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

Scores Workload::scores() const {
  Scores scores;
  const Output &output = portOutputs.front();
  const uint64_t length = rowLength();
  scores.rows = output.values.size() / length;
  auto row = [&](const std::vector<float> &values, uint64_t i) {
    return std::span(values).subspan(i * length, length);
  };
  auto chosen = [&](const std::vector<float> &values, uint64_t i) {
    return length == 1 ? static_cast<uint64_t>(std::max(0.0f, values[i])) : largest(row(values, i));
  };
  if (!options.labels.empty()) {
    uint64_t right = 0;
    for (uint64_t i = 0; i < scores.rows; ++i)
      right += static_cast<int64_t>(chosen(output.values, i)) == labels[i];
    scores.accuracy = static_cast<double>(right) / static_cast<double>(scores.rows);
  }
  if (!options.expected.empty()) {
    uint64_t same = 0;
    double difference = 0;
    for (uint64_t i = 0; i < scores.rows; ++i)
      same += chosen(output.values, i) == chosen(expected, i);
    for (size_t i = 0; i < output.values.size(); ++i)
      difference = std::max(difference, std::abs(double(output.values[i]) - double(expected[i])));
    scores.agreement = static_cast<double>(same) / static_cast<double>(scores.rows);
    scores.maxDifference = difference;
  }
  return scores;
}

void Workload::checkScores(const Scores &scores) const {
  if (scores.accuracy && *scores.accuracy < options.minAccuracy)
    throw Error(ExitCode::VerifyMismatch,
                fmt::format("accuracy {:.4f} is below --min-accuracy {:.4f}", *scores.accuracy,
                            options.minAccuracy),
                "gfs-debug shows where private and real values part");
  if (scores.agreement && *scores.agreement < options.minAgreement)
    throw Error(ExitCode::VerifyMismatch,
                fmt::format("agreement {:.4f} is below --min-agreement {:.4f}", *scores.agreement,
                            options.minAgreement),
                "gfs-debug shows where private and real values part");
}

std::string Workload::topText(unsigned top) const {
  const Output &output = portOutputs.front();
  const uint64_t length = rowLength();
  std::string text;
  for (uint64_t begin = 0; begin < output.values.size(); begin += length) {
    auto row = std::span(output.values).subspan(begin, length);
    text += fmt::format("{}[{}]:", output.name, begin / length);
    if (length == 1) {
      text += fmt::format(" {:g}\n", row[0]);
      continue;
    }
    std::vector<uint64_t> order(length);
    for (uint64_t i = 0; i < length; ++i)
      order[i] = i;
    uint64_t shown = std::min<uint64_t>(top, length);
    std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(shown), order.end(),
                      [&](uint64_t a, uint64_t b) { return row[a] > row[b]; });
    for (uint64_t i = 0; i < shown; ++i)
      text += fmt::format("{} class {} ({:.4g})", i ? "," : "", order[i], row[order[i]]);
    text += '\n';
  }
  return text;
}

} // namespace gfs::serve
