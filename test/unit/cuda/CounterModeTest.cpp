// SPDX-License-Identifier: Apache-2.0
// Streams expanded on the GPU are those of the CPU.
#include "runtime/crypto/Aes.h"
#include "test/unit/cuda/EmulatedDevice.h"

#include <gtest/gtest.h>

namespace gfs {
namespace {

TEST(EmulatedCuda, ExpandsTheSameStreams) {
  emulatedCudaVariants();
  const AesImplementation &aes = *availableAes().front();
  for (uint8_t salt : {0, 1, 255}) {
    uint8_t key[16], roundKeys[176];
    for (uint8_t i = 0; i < 16; ++i)
      key[i] = static_cast<uint8_t>(salt * 31 + 7 * i);
    aes.expandKey(key, roundKeys);
    // The counter starts anywhere, and wraps.
    for (uint64_t first : {uint64_t(0), uint64_t(5), ~uint64_t(0) - 2})
      for (size_t count : {0, 1, 3, 4, 5, 64, 257}) {
        const uint64_t nonce = 0x0123456789abcdefu * (salt + 1u);
        std::vector<uint8_t> expected(16 * count), got(16 * count + 1, 0x5c);
        aes.counterMode(roundKeys, nonce, first, expected.data(), count);
        gpu::counterMode(roundKeys, nonce, first, got.data(), count);
        EXPECT_EQ(got.back(), 0x5c);
        got.pop_back();
        EXPECT_EQ(got, expected) << count << " blocks from " << first;
      }
  }
}

} // namespace
} // namespace gfs
