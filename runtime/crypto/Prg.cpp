// SPDX-License-Identifier: Apache-2.0
#include "runtime/crypto/Prg.h"

#include "runtime/crypto/Aes.h"
#include "runtime/crypto/Kdf.h"

#include <algorithm>
#include <cstring>

namespace gfs {

AesKey::AesKey(std::span<const uint8_t, 16> key) { bestAes().expandKey(key.data(), roundKeys); }

void Prg::fill(std::span<uint8_t> out) {
  const AesImplementation &implementation = bestAes();
  size_t whole = out.size() / 16, rest = out.size() % 16;
  implementation.counterMode(aes->rounds(), nonce, next, out.data(), whole);
  next += whole;
  if (rest) {
    uint8_t last[16];
    implementation.counterMode(aes->rounds(), nonce, next++, last, 1);
    std::memcpy(out.data() + 16 * whole, last, rest);
    secureWipe(last, sizeof last);
  }
}

void Prg::fillFrom(uint64_t byte, std::span<uint8_t> out) {
  seek(byte / blockBytes);
  if (const size_t skipped = byte % blockBytes) {
    uint8_t block[blockBytes];
    fill(block);
    const size_t used = std::min(blockBytes - skipped, out.size());
    std::memcpy(out.data(), block + skipped, used);
    secureWipe(block, sizeof block);
    out = out.subspan(used);
  }
  fill(out);
}

AesKey deriveAesKey(const SecretSeed &seed, std::string_view context) {
  uint8_t key[16];
  hkdfSha256(seed.bytes(), context, key);
  AesKey expanded(key);
  secureWipe(key, sizeof key);
  return expanded;
}

SecretSeed deriveSeed(const SecretSeed &seed, std::string_view context) {
  uint8_t bytes[SecretSeed::size];
  hkdfSha256(seed.bytes(), context, bytes);
  SecretSeed derived{std::span<const uint8_t, SecretSeed::size>(bytes)};
  secureWipe(bytes, sizeof bytes);
  return derived;
}

} // namespace gfs
