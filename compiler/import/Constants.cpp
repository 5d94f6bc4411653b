// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/Constants.h"

#include "runtime/base/Error.h"
#include "runtime/tensor/TensorFile.h"

using namespace mlir;

namespace gfs::onnx {

[[noreturn]] static void malformed(std::string reason) {
  throw Refusal{Refusal::Kind::Malformed, std::move(reason),
                "check the model with onnx.checker, or export it again"};
}

static bool isFloat(int32_t type) {
  using Proto = tensor::TensorProto;
  return type == Proto::FLOAT || type == Proto::DOUBLE || type == Proto::FLOAT16 ||
         type == Proto::BFLOAT16;
}

/// Floats that lie in the file as they will lie in memory: taken over without a copy.
static ElementsAttr takeRawFloats(GraphState &state, tensor::TensorProto &tensor,
                                  ArrayRef<int64_t> shape, const std::string &name) {
  std::string bytes = std::move(*tensor.mutable_raw_data());
  if (static_cast<int64_t>(bytes.size() / sizeof(float)) != nn::elementCount(shape) ||
      bytes.size() % sizeof(float) != 0)
    malformed(
        fmt::format("the elements of '{}' do not fit its shape {}", name, nn::printShape(shape)));
  return nn::makeConstant(state.builder.getContext(), shape, std::move(bytes), name);
}

static Tensor convert(const tensor::TensorProto &tensor, const std::string &name) {
  try {
    return tensorFromProto(tensor, fmt::format("tensor '{}'", name));
  } catch (const Error &error) {
    Refusal::Kind kind = error.code() == ExitCode::Unsupported ? Refusal::Kind::Unsupported
                                                               : Refusal::Kind::Malformed;
    throw Refusal{kind, error.what(), error.hint()};
  }
}

OnnxValue takeTensor(GraphState &state, tensor::TensorProto &tensor, const std::string &name) {
  nn::Shape shape(tensor.dims().begin(), tensor.dims().end());
  if (!isFloat(tensor.data_type())) {
    Tensor converted = convert(tensor, name);
    if (converted.type == DataType::UInt64)
      converted.type = DataType::Int64; // wraps, as a cast would
    return {{},
            std::make_shared<IntegerTensor>(
                IntegerTensor{shape, converted.toInt64(), tensor.data_type()})};
  }
  if (!nn::isValidShape(shape) && nn::elementCount(shape) != 0)
    malformed(fmt::format("tensor '{}' has shape {}", name, nn::printShape(shape)));
  Location location = NameLoc::get(state.builder.getStringAttr(name));
  ElementsAttr value;
  if (tensor.data_type() == tensor::TensorProto::FLOAT && tensor.has_raw_data()) {
    value = takeRawFloats(state, tensor, shape, name);
  } else {
    value =
        nn::makeConstant(state.builder.getContext(), shape, convert(tensor, name).toFloat(), name);
    tensor.Clear();
  }
  return {nn::ConstantOp::create(state.builder, location, value), nullptr};
}

} // namespace gfs::onnx
