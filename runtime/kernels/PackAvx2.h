// SPDX-License-Identifier: Apache-2.0
// Bit packing with AVX2 and BMI2; included by Avx2.cpp only.
//
// Eight elements of `bits` bits are `bits` bytes. Unpacking loads, for each 16-byte half of a
// vector, the 16 bytes from the first one its elements touch; a byte shuffle brings each element's
// bytes to its lane of B bytes, and a variable shift aligns it. As an element may start at bit 7,
// that needs bits + 7 <= 8 * B.
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
  constexpr unsigned bytesRead() const { return firstByte[halves - 1] + 16; }
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

template <class Word> struct Avx2Packer {
  static void pack(unsigned bits, const Word *in, size_t n, uint8_t *out) {
    if (sizeof(Word) == 8 || bits == 1 || bits == wordBits<Word>)
      return ShiftPacker<Word>::pack(bits, in, n, out);
    // Two elements at a time: pext closes the gap between them. Eight elements are whole bytes.
    const uint64_t element = lowMask<uint64_t>(bits), pair = element | element << 32;
    const size_t whole = n / 8 * 8;
    for (size_t i = 0; i < whole; i += 8) {
      uint64_t window = 0;
      unsigned filled = 0;
      for (size_t j = 0; j < 8; j += 2) {
        uint64_t words;
        std::memcpy(&words, in + i + j, 8);
        const uint64_t value = _pext_u64(words, pair);
        window |= value << filled;
        filled += 2 * bits;
        if (filled >= 64) {
          std::memcpy(out, &window, 8);
          out += 8;
          filled -= 64;
          window = value >> (2 * bits - filled);
        }
      }
      std::memcpy(out, &window, filled / 8);
      out += filled / 8;
    }
    ShiftPacker<Word>::pack(bits, in + whole, n - whole, out);
  }

  static void unpack(unsigned bits, const uint8_t *in, size_t n, Word *out) {
    if (fits<4>(bits) && sizeof(Word) == 4)
      unpackGroups(halfTables4[bits], bits, in, n, reinterpret_cast<uint32_t *>(out));
    else if (fits<8>(bits) && bits < wordBits<Word>)
      unpackGroups(halfTables8[bits], bits, in, n, out);
    else
      ShiftPacker<Word>::unpack(bits, in, n, out);
  }

private:
  template <unsigned laneBytes> static bool fits(unsigned bits) {
    return bits >= HalfTable<laneBytes>::minBits && bits <= HalfTable<laneBytes>::maxBits;
  }

  template <class Table, class W>
  static void unpackGroups(const Table &table, unsigned bits, const uint8_t *in, size_t n, W *out) {
    const uint64_t mask = lowMask<uint64_t>(bits);
    size_t bytesLeft = (n * bits + 7) / 8;
    for (; n >= 8 && bytesLeft >= table.bytesRead();
         n -= 8, bytesLeft -= bits, in += bits, out += 8)
      unpackEight(table, mask, in, out);
    ShiftPacker<W>::unpack(bits, in, n, out);
  }
};

} // namespace
} // namespace gfs
