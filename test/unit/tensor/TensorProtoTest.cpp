// SPDX-License-Identifier: Apache-2.0
#include "test/unit/tensor/TensorFiles.h"

#include "runtime/tensor/tensor.pb.h"

#include <cmath>

namespace gfs {
namespace {

using namespace testing;
using tensor::TensorProto;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TensorProto protoOf(int type, std::initializer_list<int64_t> dims) {
  TensorProto proto;
  proto.set_data_type(type);
  for (int64_t dim : dims)
    proto.add_dims(dim);
  return proto;
}

TEST(TensorProto, ReadsRawData) {
  TensorProto proto = protoOf(TensorProto::FLOAT, {1, 2});
  proto.set_name("x");
  proto.set_raw_data(little(0x3f800000, 4) + little(0xc0000000, 4));
  Tensor tensor = parse(proto.SerializeAsString(), "x.pb").at(0);
  EXPECT_EQ(tensor.name, "x");
  EXPECT_THAT(tensor.shape, ElementsAre(1, 2));
  EXPECT_THAT(tensor.toFloat(), ElementsAre(1.0f, -2.0f));
}

TEST(TensorProto, ReadsEveryTypeFromLists) {
  struct Case {
    int type;
    DataType expected;
    int64_t value;
  };
  const Case cases[] = {
      {TensorProto::BOOL, DataType::Bool, 1},
      {TensorProto::UINT8, DataType::UInt8, 200},
      {TensorProto::INT8, DataType::Int8, -2},
      {TensorProto::UINT16, DataType::UInt16, 65534},
      {TensorProto::INT16, DataType::Int16, -2},
      {TensorProto::UINT32, DataType::UInt32, 4294967294},
      {TensorProto::INT32, DataType::Int32, -2},
      {TensorProto::UINT64, DataType::UInt64, 7},
      {TensorProto::INT64, DataType::Int64, -2},
      {TensorProto::FLOAT, DataType::Float32, -2},
      {TensorProto::DOUBLE, DataType::Float64, -2},
  };
  for (const Case &c : cases) {
    TensorProto proto = protoOf(c.type, {1});
    switch (c.type) {
    case TensorProto::UINT32:
    case TensorProto::UINT64:
      proto.add_uint64_data(static_cast<uint64_t>(c.value));
      break;
    case TensorProto::INT64:
      proto.add_int64_data(c.value);
      break;
    case TensorProto::FLOAT:
      proto.add_float_data(static_cast<float>(c.value));
      break;
    case TensorProto::DOUBLE:
      proto.add_double_data(static_cast<double>(c.value));
      break;
    default:
      proto.add_int32_data(static_cast<int32_t>(c.value));
    }
    Tensor tensor = tensorFromProto(proto, "node");
    EXPECT_EQ(tensor.type, c.expected);
    EXPECT_THAT(tensor.toInt64(), ElementsAre(c.value)) << nameOf(c.expected);
  }
}

TEST(TensorProto, WidensHalfPrecision) {
  // 1, -2, the largest number, the smallest subnormal, infinity, -0.
  const uint16_t half[] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x8000};
  const float expected[] = {1.0f, -2.0f, 65504.0f, 0x1p-24f, INFINITY, -0.0f};
  TensorProto list = protoOf(TensorProto::FLOAT16, {6}), raw = list;
  std::string bytes;
  for (uint16_t h : half) {
    list.add_int32_data(h);
    bytes += little(h, 2);
  }
  raw.set_raw_data(bytes);
  for (const TensorProto &proto : {list, raw}) {
    Tensor tensor = tensorFromProto(proto, "node");
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(tensor.as<float>()[i], expected[i]);
      EXPECT_EQ(std::signbit(tensor.as<float>()[i]), std::signbit(expected[i]));
    }
  }
  TensorProto nan = protoOf(TensorProto::FLOAT16, {1});
  nan.add_int32_data(0x7e00);
  EXPECT_TRUE(std::isnan(tensorFromProto(nan, "node").toFloat()[0]));
  TensorProto brain = protoOf(TensorProto::BFLOAT16, {1});
  brain.set_raw_data(little(0xc040, 2));
  EXPECT_THAT(tensorFromProto(brain, "node").toFloat(), ElementsAre(-3.0f));
}

TEST(TensorProto, SaysWhatIsWrong) {
  auto raw = [](TensorProto proto, size_t bytes) {
    proto.set_raw_data(std::string(bytes, '\0'));
    return proto;
  };
  struct Case {
    TensorProto proto;
    ExitCode code;
    const char *message;
  };
  TensorProto external = protoOf(TensorProto::FLOAT, {1});
  external.set_data_location(TensorProto::EXTERNAL);
  TensorProto shortList = protoOf(TensorProto::FLOAT, {2});
  shortList.add_float_data(1);
  const Case cases[] = {
      {external, ExitCode::Unsupported, "node: its elements are kept in another file"},
      {protoOf(TensorProto::STRING, {1}), ExitCode::Unsupported, "ONNX type STRING"},
      {protoOf(TensorProto::COMPLEX64, {1}), ExitCode::Unsupported, "ONNX type COMPLEX64"},
      {protoOf(99, {1}), ExitCode::Unsupported, "ONNX type 99"},
      {protoOf(TensorProto::UNDEFINED, {1}), ExitCode::InvalidInput, "no element type"},
      {raw(protoOf(TensorProto::FLOAT, {-1}), 4), ExitCode::InvalidInput, "negative extent -1"},
      {raw(protoOf(TensorProto::FLOAT, {2}), 4), ExitCode::InvalidInput,
       "do not fit its shape [2] and type FLOAT"},
      {raw(protoOf(TensorProto::FLOAT, {1}), 5), ExitCode::InvalidInput,
       "do not fit its shape [1]"},
      {raw(protoOf(TensorProto::FLOAT, {1LL << 40, 1LL << 40}), 4), ExitCode::InvalidInput,
       "do not fit"},
      {protoOf(TensorProto::FLOAT, {1LL << 29}), ExitCode::InvalidInput, "do not fit"},
      {protoOf(TensorProto::FLOAT16, {1LL << 29}), ExitCode::InvalidInput, "do not fit"},
      {shortList, ExitCode::InvalidInput, "do not fit its shape [2]"},
  };
  for (const Case &c : cases)
    expectError([&] { tensorFromProto(c.proto, "node"); }, c.code, HasSubstr(c.message));
  expectError([] { parse("\xff\xff\xff", "x.pb"); }, ExitCode::InvalidInput,
              HasSubstr("x.pb: is not an ONNX TensorProto"));
}

} // namespace
} // namespace gfs
