// SPDX-License-Identifier: Apache-2.0
// Streams: their definition, their independence of call sizes, and key derivation.
#include "runtime/crypto/Prg.h"
#include "runtime/crypto/Aes.h"
#include "runtime/crypto/Kdf.h"
#include "test/unit/crypto/Hex.h"

#include <cstring>
#include <gtest/gtest.h>
#include <openssl/hmac.h>

namespace gfs {
namespace {

std::array<uint8_t, 16> testKey() {
  std::array<uint8_t, 16> key;
  for (size_t i = 0; i < key.size(); ++i)
    key[i] = static_cast<uint8_t>(i * i + 1);
  return key;
}

TEST(Prg, BlockIsTheEncryptedNonceAndCounter) {
  AesKey key(testKey());
  Prg prg(key, 0x0102030405060708u);
  std::vector<uint8_t> stream(48);
  prg.fill(stream);
  for (uint8_t i = 0; i < 3; ++i) {
    uint8_t block[16] = {8, 7, 6, 5, 4, 3, 2, 1, i};
    bestAes().encrypt(key.rounds(), block, block, 1);
    EXPECT_TRUE(std::equal(block, block + 16, stream.begin() + 16 * i)) << int(i);
  }
}

TEST(Prg, EachCallStartsOnAFreshBlock) {
  AesKey key(testKey());
  Prg whole(key, 7), parts(key, 7);
  std::vector<uint8_t> stream(64), first(17), second(16);
  whole.fill(stream);
  parts.fill(first);
  parts.fill(second);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), stream.begin()));
  EXPECT_TRUE(std::equal(second.begin(), second.end(), stream.begin() + 32));
}

TEST(Prg, SeeksToABlock) {
  AesKey key(testKey());
  Prg whole(key, 7), sought(key, 7);
  std::vector<uint32_t> stream(40), tail(8);
  whole.fillWords(std::span(stream));
  sought.seek(8);
  sought.fillWords(std::span(tail));
  EXPECT_TRUE(std::equal(tail.begin(), tail.end(), stream.begin() + 32));
}

TEST(Prg, ReadsAnyPartOfAStream) {
  AesKey key(testKey());
  std::vector<uint8_t> stream(100);
  Prg(key, 7).fill(stream);
  Prg parts(key, 7);
  for (size_t first = 0; first <= stream.size(); ++first)
    for (size_t size : {size_t(0), size_t(1), size_t(5), size_t(16), size_t(33), size_t(100)}) {
      std::vector<uint8_t> part(std::min(size, stream.size() - first));
      parts.fillFrom(first, part);
      EXPECT_TRUE(
          std::equal(part.begin(), part.end(), stream.begin() + static_cast<ptrdiff_t>(first)))
          << part.size() << " bytes from " << first;
    }
  std::vector<uint64_t> words(3);
  parts.fillWordsFrom(5, std::span(words));
  EXPECT_EQ(std::memcmp(words.data(), &stream[40], 24), 0);
}

TEST(Prg, StreamNoncesDiffer) {
  EXPECT_EQ(streamNonce(3, 5), 0x30005u);
  EXPECT_NE(streamNonce(3, 5), streamNonce(5, 3));
}

// RFC 5869, appendix A.3: no salt, no info.
TEST(Hkdf, GivesTheOutputOfRfc5869TestCase3) {
  std::vector<uint8_t> secret(22, 0x0b), out(42);
  hkdfSha256(secret, "", out);
  EXPECT_EQ(
      out,
      fromHex(
          "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"));
}

// RFC 5869, section 2: PRK = HMAC(zeros, seed); T(1) = HMAC(PRK, info || 1).
TEST(Hkdf, SeparatesContexts) {
  std::array<uint8_t, 32> bytes;
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>(3 * i);
  SecretSeed seed{std::span<const uint8_t, 32>(bytes)};
  std::string info = "gfs test";
  uint8_t zeros[32] = {}, prk[32], expected[32];
  unsigned length = 32;
  HMAC(EVP_sha256(), zeros, 32, bytes.data(), bytes.size(), prk, &length);
  std::string block = info + '\1';
  HMAC(EVP_sha256(), prk, 32, reinterpret_cast<const uint8_t *>(block.data()), block.size(),
       expected, &length);
  SecretSeed derived = deriveSeed(seed, info);
  EXPECT_TRUE(std::equal(expected, expected + 32, derived.bytes().begin()));
  AesKey key = deriveAesKey(seed, info);
  EXPECT_TRUE(std::equal(expected, expected + 16, key.rounds()));
  SecretSeed other = deriveSeed(seed, "gfs test 2");
  EXPECT_FALSE(std::equal(expected, expected + 32, other.bytes().begin()));
}

} // namespace
} // namespace gfs
