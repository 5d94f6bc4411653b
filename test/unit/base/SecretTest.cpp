// SPDX-License-Identifier: Apache-2.0
// Wiping, alignment and ownership of secrets.
#include "runtime/base/Dispose.h"

#include <gtest/gtest.h>
#include <type_traits>

namespace gfs {
namespace {

TEST(SecretTest, WipeClearsEveryByte) {
  std::array<uint8_t, 37> bytes;
  bytes.fill(0xa5);
  secureWipe(bytes.data(), bytes.size());
  EXPECT_EQ(bytes, (std::array<uint8_t, 37>{}));
}

TEST(SecretTest, VectorsAreAlignedForWideRegisters) {
  for (size_t size : {1u, 7u, 64u, 1000u}) {
    SecretVector<uint32_t> words(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(words.data()) % 64, 0u);
  }
  EXPECT_EQ(SecretVector<uint8_t>(100, 0), SecretVector<uint8_t>(100, uint8_t(0)));
}

TEST(SecretTest, DisposedVectorsHoldNoMemory) {
  SecretVector<uint32_t> words(100'000);
  dispose(words);
  EXPECT_EQ(words.capacity(), 0u);
}

TEST(SecretTest, SeedMovesAndLeavesNothingBehind) {
  SecretSeed seed = SecretSeed::random(), copy = seed.clone();
  SecretSeed moved = std::move(seed);
  EXPECT_TRUE(std::equal(moved.bytes().begin(), moved.bytes().end(), copy.bytes().begin()));
  for (uint8_t byte : seed.bytes()) // NOLINT(bugprone-use-after-move): what is tested
    EXPECT_EQ(byte, 0);
  static_assert(!std::is_copy_constructible_v<SecretSeed>);
}

TEST(SecretTest, RandomBytesFillEveryPosition) {
  // Each of 64 bytes stays zero in all of 8 draws with probability 2^-64.
  std::array<uint8_t, 64> seen = {}, drawn;
  for (int draw = 0; draw < 8; ++draw) {
    randomBytes(drawn);
    for (size_t i = 0; i < seen.size(); ++i)
      seen[i] |= drawn[i];
  }
  for (uint8_t byte : seen)
    EXPECT_NE(byte, 0);
}

} // namespace
} // namespace gfs
