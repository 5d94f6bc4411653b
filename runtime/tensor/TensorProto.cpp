// SPDX-License-Identifier: Apache-2.0
// ONNX's TensorProto, as in a model's initialisers and in the .pb files of ONNX test data.
#include "runtime/tensor/Formats.h"

#include "runtime/tensor/tensor.pb.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace gfs {

using Proto = tensor::TensorProto;

/// IEEE 754 binary16 to float. Subnormals are mantissa * 2^-24.
float fromFloat16(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16;
  uint32_t exponent = (half >> 10) & 0x1f, mantissa = half & 0x3ff;
  if (exponent == 0) {
    float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  uint32_t widened = exponent == 0x1f ? 0xff : exponent + 112;
  return std::bit_cast<float>(sign | (widened << 23) | (mantissa << 13));
}

static float fromBFloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

namespace {
/// How elements of one ONNX type are read: the type in memory, the bytes of one raw element.
struct Format {
  DataType type;
  unsigned rawBytes;
};
} // namespace

static Format formatOf(const Proto &proto, const std::string &place) {
  switch (proto.data_type()) {
  case Proto::BOOL:
    return {DataType::Bool, 1};
  case Proto::UINT8:
    return {DataType::UInt8, 1};
  case Proto::INT8:
    return {DataType::Int8, 1};
  case Proto::UINT16:
    return {DataType::UInt16, 2};
  case Proto::INT16:
    return {DataType::Int16, 2};
  case Proto::UINT32:
    return {DataType::UInt32, 4};
  case Proto::INT32:
    return {DataType::Int32, 4};
  case Proto::UINT64:
    return {DataType::UInt64, 8};
  case Proto::INT64:
    return {DataType::Int64, 8};
  case Proto::FLOAT:
    return {DataType::Float32, 4};
  case Proto::DOUBLE:
    return {DataType::Float64, 8};
  case Proto::FLOAT16:
  case Proto::BFLOAT16:
    return {DataType::Float32, 2};
  case Proto::UNDEFINED:
    invalidFile(place, "has no element type", "check that it is an ONNX TensorProto");
  default:
    std::string name = Proto::DataType_Name(static_cast<Proto::DataType>(proto.data_type()));
    throw Error(ExitCode::Unsupported,
                fmt::format("{}: elements of ONNX type {} are not supported", place,
                            name.empty() ? std::to_string(proto.data_type()) : name),
                "convert it to float32");
  }
}

/// Copies a typed list of the message into the tensor, narrowing to T.
template <class T, class List>
static bool copyList(const List &list, uint64_t count, Tensor &tensor) {
  if (static_cast<uint64_t>(list.size()) != count)
    return false;
  auto *out = reinterpret_cast<T *>(tensor.data.data());
  for (uint64_t i = 0; i < count; ++i)
    out[i] = static_cast<T>(list.Get(static_cast<int>(i)));
  return true;
}

static bool copyLists(const Proto &proto, uint64_t count, Tensor &tensor) {
  switch (proto.data_type()) {
  case Proto::BOOL:
  case Proto::UINT8:
    return copyList<uint8_t>(proto.int32_data(), count, tensor);
  case Proto::INT8:
    return copyList<int8_t>(proto.int32_data(), count, tensor);
  case Proto::UINT16:
    return copyList<uint16_t>(proto.int32_data(), count, tensor);
  case Proto::INT16:
    return copyList<int16_t>(proto.int32_data(), count, tensor);
  case Proto::UINT32:
    return copyList<uint32_t>(proto.uint64_data(), count, tensor);
  case Proto::INT32:
    return copyList<int32_t>(proto.int32_data(), count, tensor);
  case Proto::UINT64:
    return copyList<uint64_t>(proto.uint64_data(), count, tensor);
  case Proto::INT64:
    return copyList<int64_t>(proto.int64_data(), count, tensor);
  case Proto::FLOAT:
    return copyList<float>(proto.float_data(), count, tensor);
  case Proto::DOUBLE:
    return copyList<double>(proto.double_data(), count, tensor);
  default: { // FLOAT16 and BFLOAT16, whose bits are in int32_data.
    if (static_cast<uint64_t>(proto.int32_data_size()) != count)
      return false;
    auto *out = reinterpret_cast<float *>(tensor.data.data());
    for (uint64_t i = 0; i < count; ++i) {
      auto bits = static_cast<uint16_t>(proto.int32_data(static_cast<int>(i)));
      out[i] = proto.data_type() == Proto::FLOAT16 ? fromFloat16(bits) : fromBFloat16(bits);
    }
    return true;
  }
  }
}

static void copyRaw(const Proto &proto, uint64_t count, Tensor &tensor) {
  const std::string &raw = proto.raw_data();
  if (proto.data_type() != Proto::FLOAT16 && proto.data_type() != Proto::BFLOAT16) {
    auto bytes = std::as_bytes(std::span(raw));
    std::copy(bytes.begin(), bytes.end(), tensor.data.begin());
    return;
  }
  auto *out = reinterpret_cast<float *>(tensor.data.data());
  for (uint64_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, raw.data() + 2 * i, 2);
    out[i] = proto.data_type() == Proto::FLOAT16 ? fromFloat16(bits) : fromBFloat16(bits);
  }
}

Tensor tensorFromProto(const Proto &proto, const std::string &place) {
  if (proto.data_location() == Proto::EXTERNAL)
    throw Error(
        ExitCode::Unsupported, fmt::format("{}: its elements are kept in another file", place),
        "save the model as one file, with onnx.save(model, path, save_as_external_data=False)");
  Format format = formatOf(proto, place);
  Tensor tensor{proto.name(), format.type, {}, {}};
  for (int64_t extent : proto.dims()) {
    if (extent < 0)
      invalidFile(place, fmt::format("has the negative extent {}", extent), copyAgain);
    tensor.shape.push_back(static_cast<uint64_t>(extent));
  }
  // Elements in the message bound the allocation: a list holds at least one byte per element.
  std::optional<uint64_t> rawBytes = boundedBytes(tensor.shape, format.rawBytes);
  uint64_t count = rawBytes ? *rawBytes / format.rawBytes : 0;
  bool raw = proto.has_raw_data();
  bool fits =
      rawBytes && (raw ? proto.raw_data().size() == *rawBytes : count <= proto.ByteSizeLong());
  if (fits) {
    tensor.data.resize(count * sizeOf(format.type));
    if (raw)
      copyRaw(proto, count, tensor);
    else
      fits = copyLists(proto, count, tensor);
  }
  if (!fits)
    invalidFile(place,
                fmt::format("its elements do not fit its shape {} and type {}",
                            shapeText(tensor.shape),
                            Proto::DataType_Name(static_cast<Proto::DataType>(proto.data_type()))),
                copyAgain);
  return tensor;
}

Tensor parseTensorProto(std::span<const std::byte> bytes, const std::string &file) {
  Proto proto;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    invalidFile(file, "is not an ONNX TensorProto", copyAgain);
  return tensorFromProto(proto, file);
}

} // namespace gfs
