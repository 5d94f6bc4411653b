// SPDX-License-Identifier: Apache-2.0
// AES-128 without tables, bit-sliced: the rounds on any type of bit planes, for CPUs
// (AesPortable.cpp) and GPUs (runtime/kernels/cuda/CounterMode.h). Time and addresses never depend
// on keys or data.
//
// Plane k holds bit k of every state byte; 64 bits of a plane carry 4 blocks (64 bytes), byte 4*c +
// r of a block (column c, row r) at bit 4*c + r of its 16 bits. The S-box inverts in the tower
// field GF((2^4)^2), whose change of basis is computed at compile time.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#ifndef GFS_HOST_DEVICE // also defined for all device code, in runtime/kernels/cuda/Simt.h
#ifdef __CUDACC__
#define GFS_HOST_DEVICE __host__ __device__
#else
#define GFS_HOST_DEVICE
#endif
#endif

namespace gfs::aes {

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

/// Column j in byte j.
constexpr uint64_t asNumber(const Matrix &matrix) {
  uint64_t number = 0;
  for (int j = 0; j < 8; ++j)
    number |= uint64_t(matrix[j]) << (8 * j);
  return number;
}

/// `Plane`: a multiple of 64 bits with ^, &, & of a 64-bit mask, |, ~ and shifts within 64 bits.
template <class Plane> struct Bitsliced {
  using Nibble = std::array<Plane, 4>; // elements of GF(16), one plane per coefficient
  using State = std::array<Plane, 8>;  // elements of GF(256)

  static GFS_HOST_DEVICE inline Nibble add(const Nibble &a, const Nibble &b) {
    return {a[0] ^ b[0], a[1] ^ b[1], a[2] ^ b[2], a[3] ^ b[3]};
  }

  static GFS_HOST_DEVICE inline Nibble multiply(const Nibble &a, const Nibble &b) {
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
  static GFS_HOST_DEVICE inline Nibble square(const Nibble &a) {
    return {a[0] ^ a[2], a[2], a[1] ^ a[3], a[3]};
  }
  // lambda = w^3: a0 w^3 + a1 w^4 + a2 w^5 + a3 w^6, reduced as above.
  static GFS_HOST_DEVICE inline Nibble timesLambda(const Nibble &a) {
    return {a[1], a[1] ^ a[2], a[2] ^ a[3], a[3] ^ a[0]};
  }
  // a^-1 = a^14 = a^2 a^4 a^8, and 0 -> 0 as AES wants.
  static GFS_HOST_DEVICE inline Nibble invert(const Nibble &a) {
    Nibble a2 = square(a), a4 = square(a2), a8 = square(a4);
    return multiply(multiply(a2, a4), a8);
  }

  /// Rows and columns are unrolled: `matrix` is a constant of the program.
  template <uint64_t matrix> static GFS_HOST_DEVICE inline State transform(const State &in) {
    State out{};
    for (int row = 0; row < 8; ++row)
      for (int column = 0; column < 8; ++column)
        if (matrix >> (8 * column + row) & 1)
          out[row] = out[row] ^ in[column];
    return out;
  }

  // (a y + b)^-1 = (a y + a + b) / (b^2 + a b + lambda a^2).
  static GFS_HOST_DEVICE inline void substituteBytes(State &state) {
    State t = transform<asNumber(toTower)>(state);
    Nibble b = {t[0], t[1], t[2], t[3]}, a = {t[4], t[5], t[6], t[7]};
    Nibble norm = add(add(square(b), multiply(a, b)), timesLambda(square(a)));
    Nibble inverse = invert(norm);
    Nibble high = multiply(a, inverse), low = multiply(add(a, b), inverse);
    state = transform<asNumber(fromTowerAffine)>(
        {low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3]});
    for (int k = 0; k < 8; ++k)
      if (affineConstant >> k & 1)
        state[k] = ~state[k];
  }

  // Rotates every 16-bit block by `bits` to the right.
  template <int bits> static GFS_HOST_DEVICE inline Plane rotateBlocks(Plane x) {
    constexpr uint64_t low = 0x0001000100010001u * ((1u << (16 - bits)) - 1);
    return ((x >> bits) & low) | ((x << (16 - bits)) & ~low);
  }

  // Row r moves r columns to the left: bit 4*c + r comes from bit 4*(c + r) + r.
  static GFS_HOST_DEVICE inline void shiftRows(State &state) {
    constexpr uint64_t row0 = 0x1111111111111111u;
    for (Plane &x : state)
      x = (x & row0) | (rotateBlocks<4>(x) & row0 << 1) | (rotateBlocks<8>(x) & row0 << 2) |
          (rotateBlocks<12>(x) & row0 << 3);
  }

  // Rotates every column (nibble) so that row r reads row r + rows.
  template <int rows> static GFS_HOST_DEVICE inline Plane rotateColumns(Plane x) {
    constexpr uint64_t low = 0x1111111111111111u * ((1u << (4 - rows)) - 1);
    return ((x >> rows) & low) | ((x << (4 - rows)) & ~low);
  }

  // out_r = 2 (a_r + a_{r+1}) + a_{r+1} + a_{r+2} + a_{r+3}; doubling moves plane k to k + 1 and
  // reduces by 0x1b.
  static GFS_HOST_DEVICE inline void mixColumns(State &state) {
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
  template <int distance, int bits, uint64_t low>
  static GFS_HOST_DEVICE inline void exchange(State &words) {
    for (int i = 0; i < 8; ++i)
      if ((i & distance) == 0) {
        Plane difference = ((words[i] >> bits) ^ words[i + distance]) & low;
        words[i + distance] = words[i + distance] ^ difference;
        words[i] = words[i] ^ (difference << bits);
      }
  }

  // Byte j of word i <-> byte i of word j.
  static GFS_HOST_DEVICE inline void transposeBytes(State &words) {
    exchange<1, 8, 0x00ff00ff00ff00ffu>(words);
    exchange<2, 16, 0x0000ffff0000ffffu>(words);
    exchange<4, 32, 0x00000000ffffffffu>(words);
  }

  // In each byte: bit j of word i <-> bit i of word j.
  static GFS_HOST_DEVICE inline void transposeBits(State &words) {
    exchange<1, 1, 0x5555555555555555u>(words);
    exchange<2, 2, 0x3333333333333333u>(words);
    exchange<4, 4, 0x0f0f0f0f0f0f0f0fu>(words);
  }

  static GFS_HOST_DEVICE inline void addRoundKey(State &state, const State &key) {
    for (int k = 0; k < 8; ++k)
      state[k] = state[k] ^ key[k];
  }

  /// FIPS 197, section 5.1, with the 11 round keys in planes.
  static GFS_HOST_DEVICE inline void encrypt(State &state, const State *roundKey) {
    addRoundKey(state, roundKey[0]);
    for (int r = 1; r <= 9; ++r) {
      substituteBytes(state);
      shiftRows(state);
      mixColumns(state);
      addRoundKey(state, roundKey[r]);
    }
    substituteBytes(state);
    shiftRows(state);
    addRoundKey(state, roundKey[10]);
  }
};

} // namespace gfs::aes
