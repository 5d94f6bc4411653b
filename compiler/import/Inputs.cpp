// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/Inputs.h"

#include "runtime/base/Error.h"

#include <fmt/ranges.h>
#include <set>

namespace gfs::onnx {

namespace {

/// The model's own first extent, 0 if it has none.
int64_t modelBatch(const ValueInfoProto &input) {
  const TensorShapeProto &shape = input.type().tensor_type().shape();
  return shape.dim_size() > 0 ? std::max<int64_t>(shape.dim(0).dim_value(), 0) : 0;
}

class InputReader {
public:
  InputReader(const GraphProto &graph, const std::string &model,
              const std::map<std::string, std::vector<int64_t>> &given)
      : model(model), given(given) {
    std::set<std::string> initialisers;
    for (const tensor::TensorProto &initialiser : graph.initializer())
      initialisers.insert(initialiser.name());
    for (const ValueInfoProto &input : graph.input())
      if (!initialisers.contains(input.name()))
        fed.push_back(&input);
    nameOnlyInput();
  }

  std::vector<ModelInput> read() const {
    std::set<std::string> unused;
    for (const auto &[name, shape] : given)
      unused.insert(name);
    std::vector<ModelInput> inputs;
    for (const ValueInfoProto *input : fed) {
      unused.erase(input->name());
      inputs.push_back({input->name(), shapeOf(*input), modelBatch(*input),
                        plainQuantisation(input->type().tensor_type().elem_type())});
    }
    if (!unused.empty())
      throw Error(ExitCode::Usage, fmt::format("{}: has no input '{}'", model, *unused.begin()),
                  "check the names given with --shape");
    return inputs;
  }

private:
  void nameOnlyInput();
  std::string inputsText() const;
  nn::Shape shapeOf(const ValueInfoProto &input) const;
  [[noreturn]] void refuseOpenShape(const ValueInfoProto &open) const;

  const std::string &model;
  std::map<std::string, std::vector<int64_t>> given;
  std::vector<const ValueInfoProto *> fed; ///< Those that are no initialisers.
};

nn::Shape InputReader::shapeOf(const ValueInfoProto &input) const {
  const TypeProto::Tensor &type = input.type().tensor_type();
  using Proto = tensor::TensorProto;
  if (type.elem_type() != Proto::FLOAT && type.elem_type() != Proto::FLOAT16 &&
      type.elem_type() != Proto::DOUBLE && !plainQuantisation(type.elem_type()))
    throw Error(ExitCode::Unsupported,
                fmt::format("{}: input '{}' does not hold floats", model, input.name()),
                "export the model with float32 inputs (or uint8, int8)");
  nn::Shape shape;
  for (const TensorShapeProto::Dimension &dimension : type.shape().dim()) {
    // Symbolic, or the -1 and 0 that old writers use: the batch is 1, others must be given.
    bool open = !dimension.has_dim_value() || dimension.dim_value() <= 0;
    shape.push_back(!open ? dimension.dim_value() : shape.empty() ? 1 : -1);
  }
  auto found = given.find(input.name());
  if (found != given.end()) {
    bool sameRank = !type.has_shape() || found->second.size() == shape.size();
    if (!sameRank)
      throw Error(ExitCode::Usage,
                  fmt::format("--shape of '{}' has {} axes, the model's input has {}", input.name(),
                              found->second.size(), shape.size()),
                  fmt::format("give {} extents", shape.size()));
    shape.assign(found->second.begin(), found->second.end());
  } else if (llvm::is_contained(shape, -1) || !type.has_shape()) {
    refuseOpenShape(input);
  }
  if (!nn::isValidShape(shape) || shape.empty())
    throw Error(
        ExitCode::Unsupported,
        fmt::format("{}: input '{}' has shape {}", model, input.name(), nn::printShape(shape)),
        "inputs need positive extents and at most 2^31 elements");
  return shape;
}

/// "[N, 3, ?, ?]", with the model's names of symbolic extents.
static std::string dimensionText(const ValueInfoProto &input) {
  if (!input.type().tensor_type().has_shape())
    return "[...]";
  std::vector<std::string> extents;
  for (const auto &dimension : input.type().tensor_type().shape().dim())
    extents.push_back(dimension.has_dim_value()       ? std::to_string(dimension.dim_value())
                      : dimension.dim_param().empty() ? "?"
                                                      : dimension.dim_param());
  return fmt::format("[{}]", fmt::join(extents, ", "));
}

/// The shape that was given without a name is that of the only input.
void InputReader::nameOnlyInput() {
  auto unnamed = given.extract(std::string());
  if (unnamed.empty())
    return;
  if (fed.size() != 1 || given.contains(fed.front()->name()))
    throw Error(ExitCode::Usage,
                fmt::format("{}: --shape without a name needs a model of one input, and no other "
                            "shape for it; the inputs are {}",
                            model, inputsText()),
                "write --shape NAME=EXTENTxEXTENT… for each input with an open shape");
  unnamed.key() = fed.front()->name();
  given.insert(std::move(unnamed));
}

std::string InputReader::inputsText() const {
  std::string text;
  for (const ValueInfoProto *input : fed)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", input->name(), dimensionText(*input));
  return text;
}

/// "1x3x224x224": what the model says, and for the rest what is common.
static std::string exampleShape(const ValueInfoProto &input) {
  if (!input.type().tensor_type().has_shape())
    return "1x3x224x224";
  std::vector<int64_t> extents;
  for (const auto &dimension : input.type().tensor_type().shape().dim())
    extents.push_back(dimension.dim_value() > 0 ? dimension.dim_value()
                      : extents.empty()         ? 1
                      : extents.size() == 1     ? 3
                                                : 224);
  return fmt::format("{}", fmt::join(extents, "x"));
}

void InputReader::refuseOpenShape(const ValueInfoProto &open) const {
  throw Error(
      ExitCode::Unsupported,
      fmt::format("{}: the shape of input '{}' is open; the inputs are {}", model, open.name(),
                  inputsText()),
      fmt::format("set it with --shape {}={} (for example)", open.name(), exampleShape(open)));
}

} // namespace

std::vector<ModelInput> readInputs(const GraphProto &graph, const std::string &model,
                                   const std::map<std::string, std::vector<int64_t>> &given) {
  return InputReader(graph, model, given).read();
}

} // namespace gfs::onnx
