// SPDX-License-Identifier: Apache-2.0
// AES-128-CTR streams: the only source of randomness behind the seeds.
#pragma once

#include "runtime/base/Secret.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace gfs {

/// An expanded AES-128 key (FIPS 197, 11 round keys). Wiped on destruction.
class AesKey {
public:
  explicit AesKey(std::span<const uint8_t, 16> key);
  AesKey(const AesKey &) = default;
  AesKey &operator=(const AesKey &) = default;
  ~AesKey() { secureWipe(roundKeys, sizeof roundKeys); }
  const uint8_t *rounds() const { return roundKeys; }

private:
  alignas(16) uint8_t roundKeys[176];
};

/// One pseudorandom stream: block i is AES_key(nonce || i), each as 8 little-endian bytes. Identical
/// bytes on every kernel variant. Cheap to create; refers to the key, which must outlive it.
class Prg {
public:
  Prg(const AesKey &key, uint64_t nonce) : aes(&key), nonce(nonce) {}

  /// The next out.size() bytes of the stream. Each call starts on a fresh 16-byte block, so the
  /// bytes depend only on the sequence of call sizes.
  void fill(std::span<uint8_t> out);
  /// The next out.size() words, little-endian; all bits of the word are random (reduce if needed).
  template <class Word> void fillWords(std::span<Word> out) {
    fill({reinterpret_cast<uint8_t *>(out.data()), out.size_bytes()});
  }
  /// Bytes [byte, byte + out.size()) of the stream as one fill() from its start gives them. The
  /// next call goes on with the block behind.
  void fillFrom(uint64_t byte, std::span<uint8_t> out);
  /// Words [word, word + out.size()) of the stream as one fillWords() from its start gives them.
  template <class Word> void fillWordsFrom(uint64_t word, std::span<Word> out) {
    fillFrom(word * sizeof(Word), {reinterpret_cast<uint8_t *>(out.data()), out.size_bytes()});
  }
  /// Continues at block `block`.
  void seek(uint64_t block) { next = block; }

  static constexpr size_t blockBytes = 16;

private:
  const AesKey *aes;
  uint64_t nonce;
  uint64_t next = 0;
};

/// Derives independent keys from a 32-byte seed: HKDF-SHA256 (RFC 5869) with `context` as info.
AesKey deriveAesKey(const SecretSeed &seed, std::string_view context);
SecretSeed deriveSeed(const SecretSeed &seed, std::string_view context);

/// The stream nonce of a step: step in the high 48 bits, stream name in the low 16.
constexpr uint64_t streamNonce(uint32_t step, uint16_t stream) {
  return (uint64_t(step) << 16) | stream;
}

} // namespace gfs
