// SPDX-License-Identifier: Apache-2.0
// AES-128 against the standards' vectors, and every implementation against the portable one.
#include "runtime/crypto/Aes.h"
#include "test/unit/crypto/Hex.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>

namespace gfs {
namespace {

class AesTest : public testing::TestWithParam<const AesImplementation *> {};

TEST_P(AesTest, ExpandsTheKeyOfFips197AppendixA1) {
  auto key = fromHex("2b7e151628aed2a6abf7158809cf4f3c");
  uint8_t rounds[176];
  GetParam()->expandKey(key.data(), rounds);
  EXPECT_EQ(std::vector<uint8_t>(rounds, rounds + 16), key);
  EXPECT_EQ(std::vector<uint8_t>(rounds + 16, rounds + 32),
            fromHex("a0fafe1788542cb123a339392a6c7605"));
  EXPECT_EQ(std::vector<uint8_t>(rounds + 160, rounds + 176),
            fromHex("d014f9a8c9ee2589e13f0cc8b6630ca6"));
}

TEST_P(AesTest, EncryptsTheBlockOfFips197AppendixC1) {
  auto key = fromHex("000102030405060708090a0b0c0d0e0f");
  auto block = fromHex("00112233445566778899aabbccddeeff");
  uint8_t rounds[176];
  GetParam()->expandKey(key.data(), rounds);
  GetParam()->encrypt(rounds, block.data(), block.data(), 1);
  EXPECT_EQ(block, fromHex("69c4e0d86a7b0430d8cdb78070b4c55a"));
}

// NIST SP 800-38A, F.1.1: four blocks of ECB.
TEST_P(AesTest, EncryptsTheBlocksOfSp80038aF11) {
  auto key = fromHex("2b7e151628aed2a6abf7158809cf4f3c");
  auto plain = fromHex("6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"
                       "30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710");
  uint8_t rounds[176], out[64];
  GetParam()->expandKey(key.data(), rounds);
  GetParam()->encrypt(rounds, plain.data(), out, 4);
  EXPECT_EQ(std::vector<uint8_t>(out, out + 64),
            fromHex("3ad77bb40d7a3660a89ecaf32466ef97 f5d3d58503b9699de785895a96fdbaaf"
                    "43b1cd7f598ece23881b00e3ed030688 7b0c785e27e8ad3f8223207104725dd4"));
}

// NIST SP 800-38A, F.5.1. Its counter block f0f1…ff, read in our layout (nonce and counter
// little-endian), yields the first key stream block of the standard: ciphertext xor plaintext.
TEST_P(AesTest, MakesTheKeyStreamOfSp80038aF51) {
  auto key = fromHex("2b7e151628aed2a6abf7158809cf4f3c");
  auto plain = fromHex("6bc1bee22e409f96e93d7e117393172a");
  auto cipher = fromHex("874d6191b620e3261bef6864990db6ce");
  uint8_t rounds[176], stream[16];
  GetParam()->expandKey(key.data(), rounds);
  GetParam()->counterMode(rounds, 0xf7f6f5f4f3f2f1f0u, 0xfffefdfcfbfaf9f8u, stream, 1);
  for (size_t i = 0; i < 16; ++i)
    EXPECT_EQ(stream[i] ^ plain[i], cipher[i]) << i;
}

// The S-box reaches every byte value when 256 blocks of equal bytes are encrypted.
TEST_P(AesTest, EqualsThePortableOneOnAnyCount) {
  uint8_t key[16];
  for (int i = 0; i < 16; ++i)
    key[i] = static_cast<uint8_t>(37 * i + 11);
  uint8_t rounds[176], portableRounds[176];
  GetParam()->expandKey(key, rounds);
  availableAes()[0]->expandKey(key, portableRounds);
  ASSERT_EQ(std::memcmp(rounds, portableRounds, 176), 0);
  for (size_t count : {0, 1, 2, 3, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 256}) {
    std::vector<uint8_t> in(16 * count), out(16 * count + 1, 0xcc), expected(16 * count);
    for (size_t i = 0; i < in.size(); ++i)
      in[i] = static_cast<uint8_t>(i / 16);
    GetParam()->encrypt(rounds, in.data(), out.data(), count);
    availableAes()[0]->encrypt(rounds, in.data(), expected.data(), count);
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), out.begin())) << count;
    ASSERT_EQ(out.back(), 0xcc) << "wrote past the end";
    // The counter wraps from 2^64 - 1 to 0 without touching the nonce.
    uint64_t first = ~uint64_t(0) - 2;
    GetParam()->counterMode(rounds, 42, first, out.data(), count);
    availableAes()[0]->counterMode(rounds, 42, first, expected.data(), count);
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), out.begin())) << count;
    ASSERT_EQ(out.back(), 0xcc) << "wrote past the end";
  }
}

INSTANTIATE_TEST_SUITE_P(All, AesTest,
                         testing::ValuesIn(availableAes().begin(), availableAes().end()),
                         [](const auto &info) {
                           std::string name = info.param->name;
                           std::erase(name, '-');
                           return name;
                         });

} // namespace
} // namespace gfs
