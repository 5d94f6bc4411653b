// SPDX-License-Identifier: Apache-2.0
#include "test/unit/tensor/TensorFiles.h"

#include <zlib.h>

namespace gfs {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

static std::string deflated(const std::string &content) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string testing::zipFile(const std::vector<ZipMember> &members) {
  std::string body, directory;
  for (const ZipMember &m : members) {
    std::string data = m.deflate ? deflated(m.content) : m.content;
    uint64_t crc = crc32_z(0, reinterpret_cast<const Bytef *>(m.content.data()), m.content.size());
    uint64_t method = m.deflate ? 8 : 0, at = body.size();
    // NumPy leaves the sizes of the local header to a zip64 extra field of 20 bytes.
    body += "PK\x03\x04" + little(45, 2) + little(0, 2) + little(method, 2) + little(0, 4) +
            little(crc, 4) + little(0xffffffff, 4) + little(0xffffffff, 4) +
            little(m.name.size(), 2) + little(20, 2) + m.name + little(1, 2) + little(16, 2) +
            little(m.content.size(), 8) + little(data.size(), 8) + data;
    directory += "PK\x01\x02" + little(45, 2) + little(45, 2) + little(0, 2) + little(method, 2) +
                 little(0, 4) + little(crc, 4) + little(data.size(), 4) +
                 little(m.content.size(), 4) + little(m.name.size(), 2) + little(0, 2) +
                 little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4) + little(at, 4) + m.name;
  }
  return body + directory + "PK\x05\x06" + little(0, 4) + little(members.size(), 2) +
         little(members.size(), 2) + little(directory.size(), 4) + little(body.size(), 4) +
         little(0, 2);
}

namespace {

const std::string smallArray = npyFile(npyHeader("|u1", "(3,)"), "\x01\x02\x03");
std::string zeros(size_t n) {
  return npyFile(npyHeader("|u1", "(" + std::to_string(n) + ",)"), std::string(n, '\0'));
}

TEST(Npz, ReadsStoredAndDeflatedArraysInOrder) {
  std::string zip = zipFile(
      {{"x.npy", smallArray, true}, {"folder/y.npy", zeros(1000), true}, {"z", smallArray}});
  std::vector<Tensor> tensors = parse(zip, "t.npz");
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[0].name, "x");
  EXPECT_THAT(tensors[0].toInt64(), ElementsAre(1, 2, 3));
  EXPECT_EQ(tensors[1].name, "folder/y");
  EXPECT_EQ(tensors[1].elements(), 1000u);
  EXPECT_EQ(tensors[2].name, "z");
}

TEST(Npz, ReadsFilesOfNumPy) {
  std::vector<Tensor> tensors = readTensors(GFS_TEST_DATA "/fashion_test_200.npz");
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].name, "images");
  EXPECT_THAT(tensors[0].shape, ElementsAre(200, 1, 28, 28));
  EXPECT_EQ(tensors[0].type, DataType::UInt8);
  // The first test image of Fashion-MNIST is an ankle boot, class 9.
  EXPECT_EQ(readTensor(GFS_TEST_DATA "/fashion_test_200.npz:labels").toInt64().at(0), 9);
  Tensor logits = readTensor(GFS_TEST_DATA "/fashion_test_200_logits.npy");
  EXPECT_THAT(logits.shape, ElementsAre(200, 10));
  EXPECT_EQ(logits.type, DataType::Float32);
}

TEST(Npz, ReadsArchivesWithACommentAndWithoutArrays) {
  std::string zip = zipFile({{"x.npy", smallArray}});
  zip.replace(zip.size() - 2, 2, little(5, 2) + "hello");
  EXPECT_EQ(parse(zip, "t.npz").size(), 1u);
  EXPECT_TRUE(parse(zipFile({}), "t.npz").empty());
}

TEST(Npz, SaysWhatIsWrong) {
  auto broken = [](size_t fromEnd, const std::string &bytes, bool deflate = false) {
    std::string zip = zipFile({{"x.npy", smallArray, deflate}});
    return zip.replace(zip.size() - fromEnd, bytes.size(), bytes);
  };
  // From the end: 22 bytes of end record, 5 of name, 46 of directory entry.
  constexpr size_t end = 22, entry = end + 5 + 46;
  std::string badCrc = zipFile({{"x.npy", smallArray}});
  badCrc[badCrc.size() - entry - 1] ^= 1;
  struct Case {
    std::string file;
    const char *message;
  };
  const Case cases[] = {
      {broken(end, "PK\x05\x07"), "no zip directory"},
      {broken(end - 10, little(2, 2)), "damaged at entry 2 of 2"},
      {broken(end - 10, little(0xffff, 2)), "zip64"},
      {broken(end - 16, little(0, 4)), "damaged at entry 1 of 1"},
      {broken(end - 16, little(0xfffffff0, 4)), "damaged at entry 1 of 1"},
      {broken(entry - 8, little(1, 2)), "t.npz:x: is encrypted"},
      {broken(entry - 10, little(12, 2)), "zip compression method 12"},
      {broken(entry - 28, little(0xfff0, 2)), "damaged at entry 1 of 1"},
      {broken(entry - 42, little(1, 4)), "t.npz:x: its local zip header is damaged"},
      {broken(entry - 42, little(0xfffffff0, 4)), "t.npz:x: its local zip header is damaged"},
      {broken(entry - 20, little(0xffffff, 4)), "t.npz:x: breaks off"},
      {broken(entry - 24, little(5, 4)), "sizes contradict"},
      {broken(entry - 24, little(5, 4), true), "cannot be decompressed"},
      {broken(entry - 24, little(200, 4), true), "cannot be decompressed"},
      {broken(entry - 24, little(0xfffffff0, 4), true), "claims 4294967280 bytes"},
      {badCrc, "its checksum does not match"},
      {zipFile({{"readme.txt", "hello"}}), "t.npz:readme.txt: is not an .npy array"},
      {zipFile({{"empty.npy", ""}}), "t.npz:empty: is not an .npy array"},
  };
  for (const Case &c : cases)
    expectError([&] { parse(c.file, "t.npz"); }, ExitCode::InvalidInput, HasSubstr(c.message));
}

TEST(Npz, BoundsTheSumOfEntriesThatShareBytes) {
  // 400 entries point to one deflated megabyte of zeros: each may be true, together they are not.
  std::string zip = zipFile({{"x.npy", zeros(1 << 20), true}});
  size_t end = zip.size() - 22, entry = end - 5 - 46;
  std::string directory;
  for (int i = 0; i < 400; ++i)
    directory += zip.substr(entry, 51);
  std::string bomb = zip.substr(0, entry) + directory + "PK\x05\x06" + little(0, 4) +
                     little(400, 2) + little(400, 2) + little(directory.size(), 4) +
                     little(entry, 4) + little(0, 2);
  expectError([&] { parse(bomb, "bomb.npz"); }, ExitCode::InvalidInput,
              HasSubstr("bytes of archive"));
}

} // namespace
} // namespace gfs
