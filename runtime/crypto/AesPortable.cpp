// SPDX-License-Identifier: Apache-2.0
// AES-128 in plain C++ without tables: bit-sliced, so that time and addresses never depend on keys
// or data.
//
// Plane k holds bit k of every state byte; one 64-bit lane carries 4 blocks (64 bytes), byte 4*c +
// r of a block (column c, row r) at bit 4*c + r of its 16 bits. The S-box inverts in the tower
// field GF((2^4)^2), whose change of basis is computed at compile time.
#include "runtime/crypto/AesVariants.h"

#include <array>
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

using Nibble = std::array<Plane, 4>; // elements of GF(16), one plane per coefficient
using State = std::array<Plane, 8>;  // elements of GF(256)

// --- The tower field, on numbers, for the compile-time change of basis ---

// GF(16) = GF(2)[w] / (w^4 + w + 1).
constexpr uint8_t multiply16(uint8_t a, uint8_t b) {
  uint8_t product = 0;
  for (int i = 0; i < 4; ++i)
    if (b >> i & 1)
      product ^= static_cast<uint8_t>(a << i);
  for (int i = 6; i >= 4; --i)
    if (product >> i & 1)
      product ^= static_cast<uint8_t>(0x13 << (i - 4));
  return product;
}

// GF(256) = GF(16)[y] / (y^2 + y + lambda), irreducible because the trace of lambda = w^3 is 1.
constexpr uint8_t lambda = 8;
constexpr uint8_t multiplyTower(uint8_t a, uint8_t b) {
  uint8_t a1 = a >> 4, a0 = a & 15, b1 = b >> 4, b0 = b & 15;
  uint8_t high = multiply16(a1, b1);
  uint8_t y = static_cast<uint8_t>(multiply16(a1, b0) ^ multiply16(a0, b1) ^ high);
  uint8_t one = static_cast<uint8_t>(multiply16(a0, b0) ^ multiply16(high, lambda));
  return static_cast<uint8_t>(y << 4 | one);
}

// A root beta of the AES polynomial x^8 + x^4 + x^3 + x + 1: x -> beta is an isomorphism.
constexpr uint8_t rootOfAesPolynomial() {
  for (unsigned beta = 2; beta < 256; ++beta) {
    std::array<uint8_t, 9> power{1};
    for (int i = 1; i <= 8; ++i)
      power[i] = multiplyTower(power[i - 1], static_cast<uint8_t>(beta));
    if ((power[8] ^ power[4] ^ power[3] ^ power[1] ^ power[0]) == 0)
      return static_cast<uint8_t>(beta);
  }
  return 0;
}

using Matrix = std::array<uint8_t, 8>; // column j is the image of bit j

constexpr uint8_t apply(const Matrix &matrix, uint8_t x) {
  uint8_t image = 0;
  for (int j = 0; j < 8; ++j)
    if (x >> j & 1)
      image ^= matrix[j];
  return image;
}

constexpr Matrix makeToTower() {
  Matrix matrix{1};
  for (int j = 1; j < 8; ++j)
    matrix[j] = multiplyTower(matrix[j - 1], rootOfAesPolynomial());
  return matrix;
}
constexpr Matrix toTower = makeToTower();

// Back to the AES basis, followed by the linear part of the S-box: b_i + b_{i+4} + b_{i+5} +
// b_{i+6} + b_{i+7}.
constexpr Matrix makeFromTowerAffine() {
  Matrix matrix{};
  for (unsigned x = 0; x < 256; ++x)
    for (int j = 0; j < 8; ++j)
      if (apply(toTower, static_cast<uint8_t>(x)) == 1 << j) {
        auto byte = static_cast<uint8_t>(x);
        matrix[j] = static_cast<uint8_t>(byte ^ std::rotl(byte, 1) ^ std::rotl(byte, 2) ^
                                         std::rotl(byte, 3) ^ std::rotl(byte, 4));
      }
  return matrix;
}
constexpr Matrix fromTowerAffine = makeFromTowerAffine();
constexpr uint8_t affineConstant = 0x63;

// --- The same field on planes ---

inline Nibble operator^(const Nibble &a, const Nibble &b) {
  return {a[0] ^ b[0], a[1] ^ b[1], a[2] ^ b[2], a[3] ^ b[3]};
}

inline Nibble multiply(const Nibble &a, const Nibble &b) {
  Plane c0 = a[0] & b[0];
  Plane c1 = (a[0] & b[1]) ^ (a[1] & b[0]);
  Plane c2 = (a[0] & b[2]) ^ (a[1] & b[1]) ^ (a[2] & b[0]);
  Plane c3 = (a[0] & b[3]) ^ (a[1] & b[2]) ^ (a[2] & b[1]) ^ (a[3] & b[0]);
  Plane c4 = (a[1] & b[3]) ^ (a[2] & b[2]) ^ (a[3] & b[1]);
  Plane c5 = (a[2] & b[3]) ^ (a[3] & b[2]);
  Plane c6 = a[3] & b[3];
  // w^4 = w + 1, w^5 = w^2 + w, w^6 = w^3 + w^2.
  return {c0 ^ c4, c1 ^ c4 ^ c5, c2 ^ c5 ^ c6, c3 ^ c6};
}
// Squaring is linear: (sum a_i w^i)^2 = a0 + a1 w^2 + a2 (w + 1) + a3 (w^3 + w^2).
inline Nibble square(const Nibble &a) { return {a[0] ^ a[2], a[2], a[1] ^ a[3], a[3]}; }
// lambda = w^3: a0 w^3 + a1 w^4 + a2 w^5 + a3 w^6, reduced as above.
inline Nibble timesLambda(const Nibble &a) { return {a[1], a[1] ^ a[2], a[2] ^ a[3], a[3] ^ a[0]}; }
// a^-1 = a^14 = a^2 a^4 a^8, and 0 -> 0 as AES wants.
inline Nibble invert(const Nibble &a) {
  Nibble a2 = square(a), a4 = square(a2), a8 = square(a4);
  return multiply(multiply(a2, a4), a8);
}

template <const Matrix &matrix> inline State transform(const State &in) {
  State out{};
  for (int row = 0; row < 8; ++row)
    for (int column = 0; column < 8; ++column)
      if (matrix[column] >> row & 1)
        out[row] = out[row] ^ in[column];
  return out;
}

// (a y + b)^-1 = (a y + a + b) / (b^2 + a b + lambda a^2).
inline void substituteBytes(State &state) {
  State t = transform<toTower>(state);
  Nibble b = {t[0], t[1], t[2], t[3]}, a = {t[4], t[5], t[6], t[7]};
  Nibble norm = square(b) ^ multiply(a, b) ^ timesLambda(square(a));
  Nibble inverse = invert(norm);
  Nibble high = multiply(a, inverse), low = multiply(a ^ b, inverse);
  state = transform<fromTowerAffine>(
      {low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3]});
  for (int k = 0; k < 8; ++k)
    if (affineConstant >> k & 1)
      state[k] = ~state[k];
}

// Rotates every 16-bit block by `bits` to the right.
template <int bits> inline Plane rotateBlocks(Plane x) {
  constexpr uint64_t low = 0x0001000100010001u * ((1u << (16 - bits)) - 1);
  return ((x >> bits) & low) | ((x << (16 - bits)) & ~low);
}

// Row r moves r columns to the left: bit 4*c + r comes from bit 4*(c + r) + r.
inline void shiftRows(State &state) {
  constexpr uint64_t row0 = 0x1111111111111111u;
  for (Plane &x : state)
    x = (x & row0) | (rotateBlocks<4>(x) & row0 << 1) | (rotateBlocks<8>(x) & row0 << 2) |
        (rotateBlocks<12>(x) & row0 << 3);
}

// Rotates every column (nibble) so that row r reads row r + rows.
template <int rows> inline Plane rotateColumns(Plane x) {
  constexpr uint64_t low = 0x1111111111111111u * ((1u << (4 - rows)) - 1);
  return ((x >> rows) & low) | ((x << (4 - rows)) & ~low);
}

// out_r = 2 (a_r + a_{r+1}) + a_{r+1} + a_{r+2} + a_{r+3}; doubling moves plane k to k + 1 and
// reduces by 0x1b.
inline void mixColumns(State &state) {
  State sum, rest;
  for (int k = 0; k < 8; ++k) {
    Plane next = rotateColumns<1>(state[k]);
    sum[k] = state[k] ^ next;
    rest[k] = next ^ rotateColumns<2>(sum[k]);
  }
  for (int k = 0; k < 8; ++k) {
    Plane doubled = k == 0 ? sum[7] : sum[k - 1];
    if (k == 1 || k == 3 || k == 4)
      doubled = doubled ^ sum[7];
    state[k] = doubled ^ rest[k];
  }
}

// --- Bytes to planes and back ---

// Exchanges, for each pair of words `distance` apart, the high parts of the first with the low
// parts of the second; `low` marks the low parts, `bits` wide.
template <int distance, int bits, uint64_t low> inline void exchange(State &words) {
  for (int i = 0; i < 8; ++i)
    if ((i & distance) == 0) {
      Plane difference = ((words[i] >> bits) ^ words[i + distance]) & low;
      words[i + distance] = words[i + distance] ^ difference;
      words[i] = words[i] ^ (difference << bits);
    }
}

// Byte j of word i <-> byte i of word j.
inline void transposeBytes(State &words) {
  exchange<1, 8, 0x00ff00ff00ff00ffu>(words);
  exchange<2, 16, 0x0000ffff0000ffffu>(words);
  exchange<4, 32, 0x00000000ffffffffu>(words);
}

// In each byte: bit j of word i <-> bit i of word j.
inline void transposeBits(State &words) {
  exchange<1, 1, 0x5555555555555555u>(words);
  exchange<2, 2, 0x3333333333333333u>(words);
  exchange<4, 4, 0x0f0f0f0f0f0f0f0fu>(words);
}

inline State slice(const uint8_t *bytes) {
  State words;
  for (int i = 0; i < 8; ++i)
    for (size_t lane = 0; lane < lanes; ++lane) {
      uint64_t word;
      std::memcpy(&word, bytes + 64 * lane + 8 * i, 8);
      words[i].lane[lane] = word;
    }
  transposeBytes(words); // now byte i of word j is byte 8*i + j of the lane
  transposeBits(words);  // now bit 8*i + j of word k is bit k of that byte
  return words;
}

inline void unslice(State state, uint8_t *bytes) {
  transposeBits(state);
  transposeBytes(state);
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

inline void addRoundKey(State &state, const State &key) {
  for (int k = 0; k < 8; ++k)
    state[k] = state[k] ^ key[k];
}

void encryptGroup(const SlicedKey &key, uint8_t *bytes) {
  State state = slice(bytes);
  addRoundKey(state, key.round[0]);
  for (int r = 1; r <= 9; ++r) {
    substituteBytes(state);
    shiftRows(state);
    mixColumns(state);
    addRoundKey(state, key.round[r]);
  }
  substituteBytes(state);
  shiftRows(state);
  addRoundKey(state, key.round[10]);
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
    substituteBytes(state); // SubWord
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
