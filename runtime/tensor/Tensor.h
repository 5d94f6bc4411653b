// SPDX-License-Identifier: Apache-2.0
// Arrays of numbers as users keep them in files: inputs, outputs, calibration data and weights, in
// clear.
#pragma once

#include "runtime/base/Error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gfs {

enum class DataType : uint8_t {
  Bool, ///< One byte per element, 0 or 1.
  UInt8,
  Int8,
  UInt16,
  Int16,
  UInt32,
  Int32,
  UInt64,
  Int64,
  Float32,
  Float64,
};

/// Bytes of one element.
unsigned sizeOf(DataType type);
/// "float32", as NumPy calls it.
const char *nameOf(DataType type);
/// The DataType of a C++ type; defined for the element types above.
template <class T> constexpr DataType dataTypeOf();

/// A dense array: row-major, little-endian. `data` always holds exactly elements() * sizeOf(type)
/// bytes.
struct Tensor {
  std::string name; ///< Of the array in its file; may be empty.
  DataType type = DataType::Float32;
  std::vector<uint64_t> shape; ///< Empty for a scalar.
  std::vector<std::byte> data;

  uint64_t elements() const;
  /// The elements, which must be of type T (Internal otherwise).
  template <class T> std::span<const T> as() const {
    check(type == dataTypeOf<T>(), "a tensor is read as the type it has");
    return {reinterpret_cast<const T *>(data.data()), data.size() / sizeof(T)};
  }
  /// Every element as a float, without scaling: 255 of a uint8 image becomes 255.0f.
  std::vector<float> toFloat() const;
  /// Every element as an integer. Throws InvalidInput if one is not whole or does not fit.
  std::vector<int64_t> toInt64() const;
};

/// A tensor of `values`, whose number must be the product of `shape`.
template <class T>
Tensor makeTensor(std::vector<uint64_t> shape, std::span<const T> values, std::string name = {}) {
  auto bytes = std::as_bytes(values);
  Tensor tensor{std::move(name), dataTypeOf<T>(), std::move(shape), {bytes.begin(), bytes.end()}};
  check(tensor.elements() == values.size(), "a tensor has as many elements as its shape says");
  return tensor;
}

/// "[1, 28, 28]": how shapes are printed in messages.
std::string shapeText(std::span<const uint64_t> shape);

template <> constexpr DataType dataTypeOf<uint8_t>() { return DataType::UInt8; }
template <> constexpr DataType dataTypeOf<int8_t>() { return DataType::Int8; }
template <> constexpr DataType dataTypeOf<uint16_t>() { return DataType::UInt16; }
template <> constexpr DataType dataTypeOf<int16_t>() { return DataType::Int16; }
template <> constexpr DataType dataTypeOf<uint32_t>() { return DataType::UInt32; }
template <> constexpr DataType dataTypeOf<int32_t>() { return DataType::Int32; }
template <> constexpr DataType dataTypeOf<uint64_t>() { return DataType::UInt64; }
template <> constexpr DataType dataTypeOf<int64_t>() { return DataType::Int64; }
template <> constexpr DataType dataTypeOf<float>() { return DataType::Float32; }
template <> constexpr DataType dataTypeOf<double>() { return DataType::Float64; }

} // namespace gfs
