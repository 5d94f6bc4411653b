// SPDX-License-Identifier: Apache-2.0
// Bit packing with AVX2; included by Avx2.cpp only.
//
// Eight elements of `bits` bits are `bits` bytes. Unpacking loads, for each 16-byte half of a
// vector, the 16 bytes from the first one its elements touch; a byte shuffle brings each element's
// bytes to its lane of B bytes, and a variable shift aligns it. As an element may start at bit 7,
// that needs bits + 7 <= 8 * B. Wider 32-bit elements come in pairs, which lanes of 8 bytes hold:
// pairs start at even bits.
//
// Packing shifts the two lanes of a half together. A half that does not start at a byte takes over
// the byte in which the one before it ends.
#pragma once

#include "runtime/kernels/Elementwise.h"

#include <immintrin.h>

namespace gfs {
namespace {

template <unsigned laneBytes> struct HalfTable {
  static constexpr unsigned perHalf = 16 / laneBytes, halves = 8 / perHalf;
  static constexpr unsigned minBits = 2, maxBits = 8 * laneBytes - 7;
  alignas(32) uint8_t shuffle[16 * halves] = {}, shift[16 * halves] =
                                                     {}; // shifts as lanes, little-endian
  uint8_t firstByte[halves] = {};

  constexpr HalfTable() = default;
  /// Element j of eight lies in bits j * bits and above.
  constexpr explicit HalfTable(unsigned bits) {
    for (unsigned j = 0; j < 8; ++j) {
      const unsigned half = j / perHalf;
      if (j % perHalf == 0)
        firstByte[half] = static_cast<uint8_t>(j * bits / 8);
      shift[j * laneBytes] = static_cast<uint8_t>(j * bits % 8);
      for (unsigned k = 0; k < laneBytes; ++k)
        shuffle[j * laneBytes + k] = static_cast<uint8_t>(j * bits / 8 + k - firstByte[half]);
    }
  }
  constexpr unsigned bytesRead(unsigned halvesRead = halves) const {
    return firstByte[halvesRead - 1] + 16;
  }
};

template <unsigned laneBytes> struct HalfTables {
  using Table = HalfTable<laneBytes>;
  Table table[Table::maxBits + 1 - Table::minBits];
  constexpr HalfTables() {
    for (unsigned bits = Table::minBits; bits <= Table::maxBits; ++bits)
      table[bits - Table::minBits] = Table(bits);
  }
  constexpr const Table &operator[](unsigned bits) const { return table[bits - Table::minBits]; }
};
constexpr HalfTables<4> halfTables4;
constexpr HalfTables<8> halfTables8;

/// Pairs of elements of 26 to 30 bits: the first four entries of a table of twice as many bits. A
/// pair starts at bit 0, 2, 4 or 6 of a byte, at 0 or 4 with 60 bits.
struct PairTables {
  static constexpr unsigned minBits = 26, maxBits = 30;
  HalfTable<8> table[maxBits + 1 - minBits];
  constexpr PairTables() {
    for (unsigned bits = minBits; bits <= maxBits; ++bits)
      table[bits - minBits] = HalfTable<8>(2 * bits);
  }
  static constexpr bool fits(unsigned bits) { return bits >= minBits && bits <= maxBits; }
  constexpr const HalfTable<8> &operator[](unsigned bits) const { return table[bits - minBits]; }
};
constexpr PairTables pairTables;

/// Where two lanes of 64 bits, which hold one element of 64-bit words or two of 32, go in each half
/// of eight elements.
template <class Word> struct PackTable {
  static constexpr unsigned halves = sizeof(Word) / 2;
  alignas(32) uint64_t own[2 * halves] = {}, nextLeft[2 * halves] = {}, nextRight[2 * halves] = {};
  alignas(16) uint8_t carry[16 * halves] = {};
  uint8_t firstByte[halves] = {};

  static constexpr unsigned laneBits(unsigned bits) { return 8 / sizeof(Word) * bits; }
  static constexpr unsigned firstBit(unsigned bits, unsigned half) {
    return 2 * laneBits(bits) * half;
  }
  /// Whether what the first lane of each half holds stays in it.
  static constexpr bool fits(unsigned bits) {
    for (unsigned half = 0; half < halves; ++half)
      if (firstBit(bits, half) % 8 + laneBits(bits) > 64)
        return false;
    return bits > 1 && bits < wordBits<Word>;
  }

  constexpr PackTable() = default;
  constexpr explicit PackTable(unsigned bits) {
    constexpr unsigned away = 64; // a shift by so many bits leaves nothing
    for (unsigned half = 0; half < halves; ++half) {
      const unsigned start = firstBit(bits, half) % 8, next = start + laneBits(bits);
      firstByte[half] = static_cast<uint8_t>(firstBit(bits, half) / 8);
      own[2 * half] = start;
      own[2 * half + 1] = away;
      nextLeft[2 * half] = next;
      nextLeft[2 * half + 1] = away;
      nextRight[2 * half] = away;
      nextRight[2 * half + 1] = away - next;
      for (unsigned k = 0; k < 16; ++k)
        carry[16 * half + k] = 0x80; // nothing
      if (start > 0)
        carry[16 * half] = static_cast<uint8_t>(firstByte[half] - firstByte[half - 1]);
    }
  }
  constexpr unsigned bytesWritten() const { return firstByte[halves - 1] + 16; }
};

template <class Word> struct PackTables {
  PackTable<Word> table[wordBits<Word>];
  constexpr PackTables() {
    for (unsigned bits = 0; bits < wordBits<Word>; ++bits)
      if (PackTable<Word>::fits(bits))
        table[bits] = PackTable<Word>(bits);
  }
};
template <class Word> constexpr PackTables<Word> packTables;

inline __m256i loadHalves(const uint8_t *low, const uint8_t *high) {
  return _mm256_loadu2_m128i(reinterpret_cast<const __m128i *>(high),
                             reinterpret_cast<const __m128i *>(low));
}

/// Eight 32-bit lanes.
inline void unpackEight(const HalfTable<4> &table, uint64_t mask, const uint8_t *in,
                        uint32_t *out) {
  __m256i v = loadHalves(in, in + table.firstByte[1]);
  v = _mm256_shuffle_epi8(v, *reinterpret_cast<const __m256i *>(table.shuffle));
  v = _mm256_srlv_epi32(v, *reinterpret_cast<const __m256i *>(table.shift));
  v = _mm256_and_si256(v, _mm256_set1_epi32(static_cast<int>(mask)));
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(out), v);
}

inline __m256i unpackFour(const HalfTable<8> &table, unsigned part, uint64_t mask,
                          const uint8_t *in) {
  __m256i v = loadHalves(in + table.firstByte[2 * part], in + table.firstByte[2 * part + 1]);
  v = _mm256_shuffle_epi8(v, *reinterpret_cast<const __m256i *>(table.shuffle + 32 * part));
  v = _mm256_srlv_epi64(v, *reinterpret_cast<const __m256i *>(table.shift + 32 * part));
  return _mm256_and_si256(v, _mm256_set1_epi64x(static_cast<long long>(mask)));
}

/// Twice four 64-bit lanes, of words of either size.
inline void unpackEight(const HalfTable<8> &table, uint64_t mask, const uint8_t *in,
                        uint64_t *out) {
  for (unsigned part = 0; part < 2; ++part)
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + 4 * part),
                        unpackFour(table, part, mask, in));
}
inline void unpackEight(const HalfTable<8> &table, uint64_t mask, const uint8_t *in,
                        uint32_t *out) {
  const __m256i lowHalves = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  for (unsigned part = 0; part < 2; ++part) {
    const __m256i v = _mm256_permutevar8x32_epi32(unpackFour(table, part, mask, in), lowHalves);
    _mm_storeu_si128(reinterpret_cast<__m128i *>(out + 4 * part), _mm256_castsi256_si128(v));
  }
}

/// Four pairs of elements, one pair in a lane of 64 bits.
inline void unpackPairs(const HalfTable<8> &table, unsigned bits, const uint8_t *in,
                        uint32_t *out) {
  const __m128i toUpperHalf = _mm_cvtsi32_si128(static_cast<int>(32 - bits));
  const __m256i v = unpackFour(table, 0, ~uint64_t(0), in);
  const __m256i pair = _mm256_blend_epi32(v, _mm256_sll_epi64(v, toUpperHalf), 0b10101010);
  const __m256i mask = _mm256_set1_epi32((1 << bits) - 1);
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(out), _mm256_and_si256(pair, mask));
}

/// Vector `part` of eight elements, its lanes of 64 bits closed up.
inline __m256i closedLanes(unsigned bits, const uint32_t *in, unsigned part) {
  const auto mask = lowMask<uint64_t>(bits);
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(in + 8 * part)),
                even = _mm256_set1_epi64x(static_cast<long long>(mask)),
                odd = _mm256_set1_epi64x(static_cast<long long>(mask << 32));
  return _mm256_or_si256(
      _mm256_and_si256(v, even),
      _mm256_srl_epi64(_mm256_and_si256(v, odd), _mm_cvtsi32_si128(static_cast<int>(32 - bits))));
}
inline __m256i closedLanes(unsigned bits, const uint64_t *in, unsigned part) {
  return _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(in + 4 * part)),
                          _mm256_set1_epi64x(static_cast<long long>(lowMask<uint64_t>(bits))));
}

template <class Word>
void packEight(const PackTable<Word> &table, unsigned bits, const Word *in, uint8_t *out) {
  __m128i before = _mm_setzero_si128();
  for (unsigned part = 0; part < table.halves / 2; ++part) {
    auto shifts = [&](const uint64_t *of) {
      return _mm256_load_si256(reinterpret_cast<const __m256i *>(of + 4 * part));
    };
    const __m256i lanes = closedLanes(bits, in, part), next = _mm256_shuffle_epi32(lanes, 0xee);
    const __m256i closed =
        _mm256_or_si256(_mm256_sllv_epi64(lanes, shifts(table.own)),
                        _mm256_or_si256(_mm256_sllv_epi64(next, shifts(table.nextLeft)),
                                        _mm256_srlv_epi64(next, shifts(table.nextRight))));
    auto store = [&](unsigned half, __m128i v) {
      const auto *carry = reinterpret_cast<const __m128i *>(table.carry + 16 * half);
      before = _mm_or_si128(v, _mm_shuffle_epi8(before, _mm_load_si128(carry)));
      _mm_storeu_si128(reinterpret_cast<__m128i *>(out + table.firstByte[half]), before);
    };
    store(2 * part, _mm256_castsi256_si128(closed));
    store(2 * part + 1, _mm256_extracti128_si256(closed, 1));
  }
}

/// The low bits of eight words, and words of eight bits.
inline uint8_t packEightBits(const uint32_t *in) {
  const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(in));
  return static_cast<uint8_t>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_slli_epi32(v, 31))));
}
inline uint8_t packEightBits(const uint64_t *in) {
  auto four = [](const uint64_t *from) {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
    return _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_slli_epi64(v, 63)));
  };
  return static_cast<uint8_t>(four(in) | four(in + 4) << 4);
}
inline void unpackEightBits(uint8_t byte, uint32_t *out) {
  const __m256i shifts = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i v = _mm256_srlv_epi32(_mm256_set1_epi32(byte), shifts);
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(out), _mm256_and_si256(v, _mm256_set1_epi32(1)));
}
inline void unpackEightBits(uint8_t byte, uint64_t *out) {
  for (int part = 0; part < 2; ++part) {
    const __m256i v =
        _mm256_srlv_epi64(_mm256_set1_epi64x(byte >> (4 * part)), _mm256_setr_epi64x(0, 1, 2, 3));
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + 4 * part),
                        _mm256_and_si256(v, _mm256_set1_epi64x(1)));
  }
}

template <class Word> struct Avx2Packer {
  static void pack(unsigned bits, const Word *in, size_t n, uint8_t *out) {
    if (bits == 1)
      for (; n >= 8; n -= 8, in += 8)
        *out++ = packEightBits(in);
    else if (PackTable<Word>::fits(bits))
      packGroups(packTables<Word>.table[bits], bits, in, n, out);
    ShiftPacker<Word>::pack(bits, in, n, out);
  }

  static void unpack(unsigned bits, const uint8_t *in, size_t n, Word *out) {
    if (bits == 1)
      for (; n >= 8; n -= 8, out += 8)
        unpackEightBits(*in++, out);
    else if (sizeof(Word) == 4 && fits<4>(bits))
      unpackGroups(halfTables4[bits], bits, in, n, reinterpret_cast<uint32_t *&>(out));
    else if (sizeof(Word) == 4 && PairTables::fits(bits))
      unpackGroupsOfPairs(bits, in, n, reinterpret_cast<uint32_t *&>(out));
    else if (fits<8>(bits) && bits < wordBits<Word>)
      unpackGroups(halfTables8[bits], bits, in, n, out);
    ShiftPacker<Word>::unpack(bits, in, n, out);
  }

private:
  template <unsigned laneBytes> static bool fits(unsigned bits) {
    return bits >= HalfTable<laneBytes>::minBits && bits <= HalfTable<laneBytes>::maxBits;
  }

  // Eight elements at a time, while loads and stores of 16 bytes stay inside. What is left is for
  // the caller, to whose arguments these refer.
  static void packGroups(const PackTable<Word> &table, unsigned bits, const Word *&in, size_t &n,
                         uint8_t *&out) {
    for (size_t bytesLeft = (n * bits + 7) / 8; n >= 8 && bytesLeft >= table.bytesWritten();
         n -= 8, bytesLeft -= bits, in += 8, out += bits)
      packEight(table, bits, in, out);
  }

  template <class Table, class W>
  static void unpackGroups(const Table &table, unsigned bits, const uint8_t *&in, size_t &n,
                           W *&out) {
    const uint64_t mask = lowMask<uint64_t>(bits);
    for (size_t bytesLeft = (n * bits + 7) / 8; n >= 8 && bytesLeft >= table.bytesRead();
         n -= 8, bytesLeft -= bits, in += bits, out += 8)
      unpackEight(table, mask, in, out);
  }

  static void unpackGroupsOfPairs(unsigned bits, const uint8_t *&in, size_t &n, uint32_t *&out) {
    const HalfTable<8> &table = pairTables[bits];
    for (size_t bytesLeft = (n * bits + 7) / 8; n >= 8 && bytesLeft >= table.bytesRead(2);
         n -= 8, bytesLeft -= bits, in += bits, out += 8)
      unpackPairs(table, bits, in, out);
  }
};

} // namespace
} // namespace gfs
