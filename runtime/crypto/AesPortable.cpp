// SPDX-License-Identifier: Apache-2.0
// AES-128 in plain C++ without tables: bit-sliced, so that time and addresses never depend on keys
// or data (BitslicedAes.h). Eight blocks at a time.
#include "runtime/crypto/AesVariants.h"
#include "runtime/crypto/BitslicedAes.h"

#include <bit>
#include <cstring>

namespace gfs {
namespace {

static_assert(std::endian::native == std::endian::little,
              "streams are defined on little-endian words");

constexpr size_t lanes = 2;               // 64-bit lanes per plane
constexpr size_t groupBlocks = 4 * lanes; // blocks encrypted together
constexpr size_t groupBytes = 16 * groupBlocks;

/// A plane of 128 bits: one register of any CPU with vectors.
struct Plane {
  using Vector [[gnu::vector_size(8 * lanes)]] = uint64_t;
  Vector lane;

  Plane operator^(Plane b) const { return {lane ^ b.lane}; }
  Plane operator&(Plane b) const { return {lane & b.lane}; }
  Plane operator&(uint64_t mask) const { return {lane & mask}; }
  Plane operator|(Plane b) const { return {lane | b.lane}; }
  Plane operator~() const { return {~lane}; }
  Plane operator>>(int bits) const { return {lane >> bits}; }
  Plane operator<<(int bits) const { return {lane << bits}; }
};

using Sliced = aes::Bitsliced<Plane>;
using State = Sliced::State;

inline State slice(const uint8_t *bytes) {
  State words;
  for (int i = 0; i < 8; ++i)
    for (size_t lane = 0; lane < lanes; ++lane) {
      uint64_t word;
      std::memcpy(&word, bytes + 64 * lane + 8 * i, 8);
      words[i].lane[lane] = word;
    }
  Sliced::transposeBytes(words); // now byte i of word j is byte 8*i + j of the lane
  Sliced::transposeBits(words);  // now bit 8*i + j of word k is bit k of that byte
  return words;
}

inline void unslice(State state, uint8_t *bytes) {
  Sliced::transposeBits(state);
  Sliced::transposeBytes(state);
  for (int i = 0; i < 8; ++i)
    for (size_t lane = 0; lane < lanes; ++lane) {
      uint64_t word = state[i].lane[lane];
      std::memcpy(bytes + 64 * lane + 8 * i, &word, 8);
    }
}

// --- AES ---

struct SlicedKey {
  State round[11];
  explicit SlicedKey(const uint8_t *roundKeys) {
    for (int r = 0; r < 11; ++r) {
      uint8_t repeated[groupBytes];
      for (size_t block = 0; block < groupBlocks; ++block)
        std::memcpy(repeated + 16 * block, roundKeys + 16 * r, 16);
      round[r] = slice(repeated);
    }
  }
};

void encryptGroup(const SlicedKey &key, uint8_t *bytes) {
  State state = slice(bytes);
  Sliced::encrypt(state, key.round);
  unslice(state, bytes);
}

// FIPS 197, section 5.2.
void expandKey(const uint8_t key[16], uint8_t roundKeys[176]) {
  std::memcpy(roundKeys, key, 16);
  uint8_t roundConstant = 1;
  for (int r = 1; r <= 10; ++r) {
    const uint8_t *previous = roundKeys + 16 * (r - 1);
    uint8_t *current = roundKeys + 16 * r;
    uint8_t word[groupBytes] = {previous[13], previous[14], previous[15], previous[12]}; // RotWord
    State state = slice(word);
    Sliced::substituteBytes(state); // SubWord
    unslice(state, word);
    word[0] ^= roundConstant;
    roundConstant = static_cast<uint8_t>(roundConstant << 1 ^ (roundConstant >> 7) * 0x1b);
    for (int i = 0; i < 16; ++i)
      current[i] = previous[i] ^ (i < 4 ? word[i] : current[i - 4]);
  }
}

// Calls `fillGroup(first, count, bytes)` for each group, encrypts it, and copies it to `out`.
template <class Filler>
void encryptGroups(const uint8_t *roundKeys, uint8_t *out, size_t count, Filler fillGroup) {
  SlicedKey key(roundKeys);
  for (size_t first = 0; first < count; first += groupBlocks) {
    size_t blocks = count - first < groupBlocks ? count - first : groupBlocks;
    uint8_t group[groupBytes] = {};
    fillGroup(first, blocks, group);
    encryptGroup(key, group);
    std::memcpy(out + 16 * first, group, 16 * blocks);
  }
}

void counterMode(const uint8_t *roundKeys, uint64_t nonce, uint64_t firstBlock, uint8_t *out,
                 size_t count) {
  encryptGroups(roundKeys, out, count, [&](size_t first, size_t blocks, uint8_t *group) {
    for (size_t j = 0; j < blocks; ++j) {
      uint64_t counter = firstBlock + first + j;
      std::memcpy(group + 16 * j, &nonce, 8);
      std::memcpy(group + 16 * j + 8, &counter, 8);
    }
  });
}

void encrypt(const uint8_t *roundKeys, const uint8_t *in, uint8_t *out, size_t count) {
  encryptGroups(roundKeys, out, count, [&](size_t first, size_t blocks, uint8_t *group) {
    std::memcpy(group, in + 16 * first, 16 * blocks);
  });
}

} // namespace

const AesImplementation aesPortable = {"portable", expandKey, counterMode, encrypt};

} // namespace gfs
