// SPDX-License-Identifier: Apache-2.0
// Conversions of elements, and how a file is found by its content and its name.
#include "test/unit/tensor/TensorFiles.h"

#include <cmath>
#include <fstream>
#include <limits>

namespace gfs {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Tensor, ConvertsToFloatWithoutScaling) {
  const uint8_t pixels[] = {0, 1, 255};
  EXPECT_THAT(makeTensor<uint8_t>({3}, pixels).toFloat(), ElementsAre(0.0f, 1.0f, 255.0f));
  const int64_t labels[] = {-3, 1 << 20};
  EXPECT_THAT(makeTensor<int64_t>({2}, labels).toFloat(), ElementsAre(-3.0f, 1048576.0f));
}

TEST(Tensor, ConvertsWholeNumbersToInt64) {
  const double values[] = {-5.0, 0x1p62};
  EXPECT_THAT(makeTensor<double>({2}, values).toInt64(), ElementsAre(-5, int64_t(1) << 62));
  const uint64_t large[] = {std::numeric_limits<int64_t>::max()};
  EXPECT_THAT(makeTensor<uint64_t>({1}, large).toInt64(),
              ElementsAre(std::numeric_limits<int64_t>::max()));
}

TEST(Tensor, RefusesWhatIsNoInt64) {
  for (double value : {0.5, 0x1p63, -0x1p64, double(NAN), double(INFINITY)}) {
    const double values[] = {1.0, value};
    expectError([&] { makeTensor<double>({2}, values, "y").toInt64(); }, ExitCode::InvalidInput,
                HasSubstr("\"y\": element 1"));
  }
  const uint64_t large[] = {uint64_t(1) << 63};
  EXPECT_THROW(makeTensor<uint64_t>({1}, large).toInt64(), Error);
}

TEST(Tensor, RefusesToBeReadAsAnotherType) {
  const float values[] = {1.0f};
  expectError([&] { makeTensor<float>({1}, values).as<int32_t>(); }, ExitCode::Internal,
              HasSubstr("type"));
}

class TensorFileTest : public ::testing::Test {
protected:
  void SetUp() override {
    folder =
        std::filesystem::temp_directory_path() /
        ("gfs-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string write(const std::string &name, const std::string &content) {
    std::ofstream(folder / name, std::ios::binary) << content;
    return (folder / name).string();
  }
  std::filesystem::path folder;
};

TEST_F(TensorFileTest, ReadsBackWhatItWrites) {
  const float values[] = {1.5f, -2.0f, 0.0f, 3.25f, 1e30f, -0.0f};
  Tensor written = makeTensor<float>({2, 3}, values);
  writeNpy(folder / "y.npy", written);
  Tensor read = readTensor((folder / "y.npy").string());
  EXPECT_EQ(read.shape, written.shape);
  EXPECT_EQ(read.data, written.data);
  EXPECT_EQ(read.type, DataType::Float32);
}

TEST_F(TensorFileTest, ChoosesAnArrayByName) {
  std::string a = npyFile(npyHeader("|u1", "(1,)"), "\x07");
  std::string b = npyFile(npyHeader("|u1", "(1,)"), "\x09");
  std::string path = write("two.npz", zipFile({{"a.npy", a}, {"b.npy", b}}));
  EXPECT_THAT(readTensor(path + ":b").toInt64(), ElementsAre(9));
  expectError([&] { readTensor(path); }, ExitCode::InvalidInput,
              HasSubstr("holds 2 arrays (a, b)"));
  expectError([&] { readTensor(path + ":c"); }, ExitCode::InvalidInput,
              HasSubstr("no array named \"c\""));
}

TEST_F(TensorFileTest, TakesAColonInAPathAsPartOfIt) {
  std::string path = write("a:b.npy", npyFile(npyHeader("|u1", "(1,)"), "\x07"));
  EXPECT_THAT(readTensor(path).toInt64(), ElementsAre(7));
}

TEST_F(TensorFileTest, NamesFilesItCannotRead) {
  expectError([&] { readTensors(folder / "none.npy"); }, ExitCode::InputUnreadable,
              HasSubstr("none.npy: no such file"));
  expectError([&] { readTensors(folder); }, ExitCode::InputUnreadable, HasSubstr("is a directory"));
}

TEST_F(TensorFileTest, NamesFilesItCannotWrite) {
  const float values[] = {1.0f};
  expectError([&] { writeNpy(folder / "no" / "y.npy", makeTensor<float>({1}, values)); },
              ExitCode::OutputUnwritable, HasSubstr("y.npy: cannot be written"));
  if (std::filesystem::exists("/dev/full"))
    expectError([&] { writeNpy("/dev/full", makeTensor<float>({1}, values)); },
                ExitCode::OutputUnwritable, HasSubstr("/dev/full: cannot be written"));
}

TEST_F(TensorFileTest, RefusesForeignContent) {
  for (const char *content : {"", "hello, world", "\x1f\x8b gzip"})
    EXPECT_THROW(readTensors(write("x.npy", content)), Error);
  expectError([&] { readTensors(write("x.csv", "1,2,3")); }, ExitCode::InvalidInput,
              HasSubstr("neither .npy nor .npz"));
  expectError([&] { readTensors(write("empty.npy", "")); }, ExitCode::InvalidInput,
              HasSubstr("is empty"));
}

TEST_F(TensorFileTest, ReadsPipes) {
  // A pipe has no size to go by.
  std::string content = npyFile(npyHeader("|u1", "(2,)"), "\x01\x02");
  std::string path = (folder / "pipe").string();
  ASSERT_EQ(std::system(("mkfifo " + path).c_str()), 0);
  std::string source = write("source.npy", content);
  ASSERT_EQ(std::system(("cat " + source + " > " + path + " &").c_str()), 0);
  EXPECT_THAT(readTensor(path).toInt64(), ElementsAre(1, 2));
}

} // namespace
} // namespace gfs
