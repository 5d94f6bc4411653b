// SPDX-License-Identifier: Apache-2.0
#include "test/unit/tensor/TensorFiles.h"

namespace gfs {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor parseOne(const std::string &file) { return parse(file).at(0); }

TEST(Npy, ReadsEveryElementType) {
  struct Case {
    const char *descr;
    std::string elements;
    DataType type;
    int64_t value;
  };
  const Case cases[] = {
      {"|b1", little(1, 1), DataType::Bool, 1},
      {"|u1", little(200, 1), DataType::UInt8, 200},
      {"|i1", little(0xfe, 1), DataType::Int8, -2},
      {"<u2", little(0xfffe, 2), DataType::UInt16, 0xfffe},
      {"<i2", little(0xfffe, 2), DataType::Int16, -2},
      {"<u4", little(0xfffffffe, 4), DataType::UInt32, 0xfffffffe},
      {"<i4", little(0xfffffffe, 4), DataType::Int32, -2},
      {"<u8", little(7, 8), DataType::UInt64, 7},
      {"<i8", little(~uint64_t(1), 8), DataType::Int64, -2},
      {"<f4", little(0xc0000000, 4), DataType::Float32, -2},
      {"<f8", little(0xc000000000000000, 8), DataType::Float64, -2},
      {"=f4", little(0xc0000000, 4), DataType::Float32, -2},
      {"<f2", little(0xc000, 2), DataType::Float32, -2}, // widened
  };
  for (const Case &c : cases) {
    Tensor tensor = parseOne(npyFile(npyHeader(c.descr, "(1,)"), c.elements));
    EXPECT_EQ(tensor.type, c.type) << c.descr;
    EXPECT_THAT(tensor.toInt64(), ElementsAre(c.value)) << c.descr;
  }
}

TEST(Npy, ReadsEveryVersion) {
  for (char version : {1, 2, 3})
    EXPECT_THAT(parseOne(npyFile(npyHeader("|u1", "(2,)"), "\x01\x02", version)).toInt64(),
                ElementsAre(1, 2));
}

TEST(Npy, ReadsHeadersAsOthersWriteThem) {
  for (const char *header : {
           "{\"shape\":(2,),\"descr\":\"|u1\",\"fortran_order\":False}",
           "  { 'fortran_order' : False , 'descr': '|u1', 'shape': (2L,), }      \n",
       })
    EXPECT_THAT(parseOne(npyFile(header, "\x01\x02")).toInt64(), ElementsAre(1, 2)) << header;
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  Tensor scalar = parseOne(npyFile(npyHeader("|u1", "()"), "\x05"));
  EXPECT_TRUE(scalar.shape.empty());
  EXPECT_THAT(scalar.toInt64(), ElementsAre(5));
  Tensor empty = parseOne(npyFile(npyHeader("<f4", "(0, 4000000000)"), ""));
  EXPECT_EQ(empty.elements(), 0u);
}

TEST(Npy, RearrangesFortranOrder) {
  // The matrix [[1, 2, 3], [4, 5, 6]] column by column.
  Tensor matrix = parseOne(npyFile(npyHeader("|u1", "(2, 3)", true), "\x01\x04\x02\x05\x03\x06"));
  EXPECT_THAT(matrix.toInt64(), ElementsAre(1, 2, 3, 4, 5, 6));

  // Element (i, j, k) of a 2x3x4 array holds 12 i + 4 j + k; first index fastest in the file.
  std::string columns;
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i)
        columns += little(static_cast<uint64_t>(12 * i + 4 * j + k), 2);
  auto cube = parseOne(npyFile(npyHeader("<u2", "(2, 3, 4)", true), columns)).toInt64();
  ASSERT_EQ(cube.size(), 24u);
  for (size_t i = 0; i < 24; ++i)
    EXPECT_EQ(cube[i], static_cast<int64_t>(i));
  EXPECT_EQ(parseOne(npyFile(npyHeader("<f4", "(0, 3)", true), "")).elements(), 0u);
}

TEST(Npy, WritesWhatNumPyWrites) {
  const float values[] = {1.0f, 2.0f};
  std::vector<std::byte> bytes = npyBytes(makeTensor<float>({2}, values));
  std::string text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  // Exactly the file numpy.save makes of numpy.float32([1, 2]).
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  header.append(117 - header.size(), ' ');
  EXPECT_EQ(text, npyFile(header + "\n", little(0x3f800000, 4) + little(0x40000000, 4)));
  for (auto shape : {std::vector<uint64_t>{}, {1}, {1, 2, 3}, {0}}) {
    Tensor tensor{"", DataType::UInt8, shape, {}};
    tensor.data.resize(tensor.elements());
    std::vector<std::byte> file = npyBytes(tensor);
    EXPECT_EQ((file.size() - tensor.data.size()) % 64, 0u);
    EXPECT_EQ(parseTensors(file, "x").at(0).shape, shape);
  }
}

TEST(Npy, SaysWhatIsWrong) {
  struct Case {
    std::string file;
    const char *message;
  };
  const std::string one = little(0, 4);
  const Case cases[] = {
      {"\x93NUMPY", "breaks off inside its .npy header"},
      {npyFile(npyHeader("<f4", "(1,)"), one, 4), "format version 4"},
      {npyFile(npyHeader("<f4", "(1,)"), one, 0), "format version 0"},
      {std::string("\x93NUMPY\x01\x00\xff\x00", 10) + "{", "breaks off inside its .npy header"},
      {std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff{", 13),
       "claims a .npy header of 4294967295 bytes"},
      {npyFile(npyHeader(">f4", "(1,)"), one), "is big-endian (type '>f4')"},
      {npyFile(npyHeader("<c8", "(1,)"), one), "unsupported type '<c8'"},
      {npyFile(npyHeader("|O", "(1,)"), one), "unsupported type '|O'"},
      {npyFile(npyHeader("<U4", "(1,)"), one), "unsupported type '<U4'"},
      {npyFile("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", one),
       "holds records"},
      {npyFile(npyHeader("<f4", "(2,)"), one), "shape [2] of float32 does not fit the 4 bytes"},
      {npyFile(npyHeader("<f4", "(1,)"), one + "x"),
       "shape [1] of float32 does not fit the 5 bytes"},
      {npyFile(npyHeader("<f4", "(4294967296, 4294967296)"), one), "does not fit"},
      {npyFile(npyHeader("<f4", "(99999999999999999999,)"), one), "its shape is too large"},
      {npyFile(npyHeader("<f4", "(-1,)"), one), "header is malformed"},
      {npyFile(npyHeader("<f4", "(1 1)"), one), "header is malformed"},
      {npyFile("{}", one), "header is malformed"},
      {npyFile("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }", one),
       "header is malformed"},
      {npyFile("{'descr': '<f4', 'descr': '<f4', 'shape': (1,), }", one), "header is malformed"},
      {npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", one),
       "header is malformed"},
      {npyFile("{'descr': '<f4", one), "header is malformed"},
      {npyFile(
           npyHeader("<f4", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"),
           one),
       "more than 32 axes"},
  };
  for (const Case &c : cases)
    expectError([&] { parse(c.file); }, ExitCode::InvalidInput, HasSubstr(c.message));
}

} // namespace
} // namespace gfs
