// SPDX-License-Identifier: Apache-2.0
// Damaged files of every format: each truncation and many bit flips must end in a tensor or in an
// Error that names the file, never in a crash, a hang or a huge allocation (the sanitizer build
// watches for the rest).
#include "test/unit/tensor/TensorFiles.h"

#include "runtime/crypto/Prg.h"
#include "runtime/tensor/tensor.pb.h"

namespace gfs {
namespace {

using namespace testing;

struct Sample {
  const char *name;
  std::string file;
  /// Whether every truncation is noticed: a protobuf may end at any field.
  bool noticesTruncation;
};

class Damage : public ::testing::TestWithParam<Sample> {
protected:
  /// True if it was read.
  static bool read(const std::string &bytes) {
    try {
      for (const Tensor &tensor : parse(bytes, GetParam().name)) {
        EXPECT_EQ(tensor.data.size(), tensor.elements() * sizeOf(tensor.type));
        EXPECT_LE(tensor.data.size(), bytes.size() * 1032);
        tensor.toFloat();
      }
      return true;
    } catch (const Error &error) {
      EXPECT_TRUE(error.code() == ExitCode::InvalidInput || error.code() == ExitCode::Unsupported);
      EXPECT_EQ(std::string(error.what()).find(GetParam().name), 0u) << error.what();
      EXPECT_FALSE(error.hint().empty());
      return false;
    }
  }
  /// A number below `bound`, up to a small bias.
  uint64_t below(uint64_t bound) {
    uint64_t word;
    prg.fillWords(std::span(&word, 1));
    return word % bound;
  }
  AesKey key{std::array<uint8_t, 16>{0x67, 0x66, 0x73}};
  Prg prg{key, 1};
};

TEST_P(Damage, UndamagedIsRead) { EXPECT_TRUE(read(GetParam().file)); }

TEST_P(Damage, EveryTruncationIsSurvived) {
  const std::string &file = GetParam().file;
  for (size_t length = 0; length < file.size(); ++length)
    EXPECT_FALSE(read(file.substr(0, length)) && GetParam().noticesTruncation) << length;
}

TEST_P(Damage, EveryBitFlipIsSurvived) {
  std::string file = GetParam().file;
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    file[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    read(file);
    file[bit / 8] ^= static_cast<char>(1 << (bit % 8));
  }
}

TEST_P(Damage, MixedDamageIsSurvived) {
  for (int round = 0; round < 3000; ++round) {
    std::string file = GetParam().file;
    for (uint64_t flips = 1 + below(6); flips > 0; --flips) {
      size_t at = below(file.size());
      switch (below(4)) {
      case 0:
        file[at] ^= static_cast<char>(1 << below(8));
        break;
      case 1:
        file[at] = static_cast<char>(below(2) ? 0xff : 0x00);
        break;
      case 2:
        file.erase(at, 1 + below(8));
        break;
      default:
        file.insert(at, file.substr(below(file.size()), 1 + below(8)));
      }
      if (file.empty())
        break;
    }
    read(file);
  }
}

std::string protoSample(bool raw) {
  tensor::TensorProto proto;
  proto.set_name("input");
  proto.set_data_type(tensor::TensorProto::FLOAT);
  proto.add_dims(2);
  proto.add_dims(2);
  if (raw)
    proto.set_raw_data(std::string(16, 'x'));
  else
    for (int i = 0; i < 4; ++i)
      proto.add_float_data(static_cast<float>(i));
  return proto.SerializeAsString();
}

std::vector<Sample> samples() {
  std::string npy = npyFile(npyHeader("<f4", "(2, 3)"), std::string(24, 'e'));
  std::string fortran = npyFile(npyHeader("<i8", "(2, 2)", true), std::string(32, 'e'), 2);
  return {{"c.npy", npy, true},
          {"fortran.npy", fortran, true},
          {"stored.npz", zipFile({{"a.npy", npy}, {"b.npy", fortran}}), true},
          {"deflated.npz", zipFile({{"a.npy", npy, true}, {"b.npy", fortran, true}}), true},
          {"raw.pb", protoSample(true), false},
          {"list.pb", protoSample(false), false}};
}

INSTANTIATE_TEST_SUITE_P(Formats, Damage, ::testing::ValuesIn(samples()), [](const auto &info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

} // namespace
} // namespace gfs
