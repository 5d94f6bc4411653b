// SPDX-License-Identifier: Apache-2.0
#include "runtime/tensor/Tensor.h"

#include <cmath>

namespace gfs {

unsigned sizeOf(DataType type) {
  switch (type) {
  case DataType::Bool:
  case DataType::UInt8:
  case DataType::Int8:
    return 1;
  case DataType::UInt16:
  case DataType::Int16:
    return 2;
  case DataType::UInt32:
  case DataType::Int32:
  case DataType::Float32:
    return 4;
  case DataType::UInt64:
  case DataType::Int64:
  case DataType::Float64:
    return 8;
  }
  throw Error(ExitCode::Internal, "internal error: unknown element type");
}

const char *nameOf(DataType type) {
  switch (type) {
  case DataType::Bool:
    return "bool";
  case DataType::UInt8:
    return "uint8";
  case DataType::Int8:
    return "int8";
  case DataType::UInt16:
    return "uint16";
  case DataType::Int16:
    return "int16";
  case DataType::UInt32:
    return "uint32";
  case DataType::Int32:
    return "int32";
  case DataType::UInt64:
    return "uint64";
  case DataType::Int64:
    return "int64";
  case DataType::Float32:
    return "float32";
  case DataType::Float64:
    return "float64";
  }
  throw Error(ExitCode::Internal, "internal error: unknown element type");
}

uint64_t Tensor::elements() const {
  uint64_t count = 1;
  for (uint64_t extent : shape)
    count *= extent; // Cannot wrap: the readers bound the product.
  return count;
}

/// Calls `visit(elements)` with the elements in their own type.
template <class Visitor> static void visitElements(const Tensor &tensor, Visitor &&visit) {
  auto typed = [&]<class T>(T) {
    visit(std::span<const T>(reinterpret_cast<const T *>(tensor.data.data()),
                             tensor.data.size() / sizeof(T)));
  };
  switch (tensor.type) {
  case DataType::Bool:
  case DataType::UInt8:
    return typed(uint8_t());
  case DataType::Int8:
    return typed(int8_t());
  case DataType::UInt16:
    return typed(uint16_t());
  case DataType::Int16:
    return typed(int16_t());
  case DataType::UInt32:
    return typed(uint32_t());
  case DataType::Int32:
    return typed(int32_t());
  case DataType::UInt64:
    return typed(uint64_t());
  case DataType::Int64:
    return typed(int64_t());
  case DataType::Float32:
    return typed(float());
  case DataType::Float64:
    return typed(double());
  }
}

std::vector<float> Tensor::toFloat() const {
  std::vector<float> result;
  visitElements(*this, [&](auto elements) {
    result.reserve(elements.size());
    for (auto element : elements)
      result.push_back(static_cast<float>(element));
  });
  return result;
}

template <class T> static bool isInt64(T value) {
  if constexpr (std::is_floating_point_v<T>)
    // The bounds are powers of two, exact in both types; NaN fails the comparisons.
    return value >= T(-0x1p63) && value < T(0x1p63) && std::trunc(value) == value;
  else
    return std::in_range<int64_t>(value);
}

std::vector<int64_t> Tensor::toInt64() const {
  std::vector<int64_t> result;
  visitElements(*this, [&](auto elements) {
    result.reserve(elements.size());
    for (auto element : elements) {
      if (!isInt64(element))
        throw Error(ExitCode::InvalidInput,
                    fmt::format("array \"{}\": element {} is not a whole number of 64 bits", name,
                                result.size()),
                    "give integers, for example with .astype(numpy.int64)");
      result.push_back(static_cast<int64_t>(element));
    }
  });
  return result;
}

std::string shapeText(std::span<const uint64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

} // namespace gfs
