// SPDX-License-Identifier: Apache-2.0
// Bit packing with AVX-512 VBMI; included by Avx512.cpp only.
//
// A group of G elements of `bits` bits each, one per lane of B bytes (G * B = 64), fills G * bits /
// 8 whole bytes: element j starts at byte j * bits / 8, bit j * bits % 8. So one byte permutation
// brings each element's bytes to its lane, and one variable shift aligns it, by 8 - gcd(bits, 8) at
// most; the element and that must fit into a lane. The inverse shifts first; with bits >= 8 an
// output byte meets at most one element of even number and one of odd number.
//
// Elements of 27, 29 and 30 bits do not fit into lanes of 4 bytes so, but two of them into one of
// 8: a pair is one element of 2 * bits bits, an even number, whose shifts are small.
#pragma once

#include "runtime/kernels/Elementwise.h"
#include "runtime/kernels/Words512.h"

#include <algorithm>

namespace gfs {
namespace {

/// The byte permutations of one width, for lanes of `laneBytes`.
template <unsigned laneBytes> struct GroupTable {
  static constexpr unsigned elements = 64 / laneBytes;
  static constexpr unsigned minBits = 8, maxBits = 8 * laneBytes - 4;
  static constexpr bool fits(unsigned bits) {
    const unsigned lowestSet = bits & (~bits + 1); // gcd(bits, 8) = min(lowestSet, 8)
    const unsigned greatestShift = lowestSet < 8 ? 8 - lowestSet : 0;
    return bits >= minBits && bits <= maxBits && bits + greatestShift <= 8 * laneBytes;
  }
  alignas(64) uint8_t gather[64] = {}, even[64] = {}, odd[64] = {};
  uint64_t evenMask = 0, oddMask = 0;
  alignas(64) uint8_t shift[64] = {}; // as lanes, little-endian

  constexpr GroupTable() = default;
  constexpr explicit GroupTable(unsigned bits) {
    for (unsigned j = 0; j < elements; ++j) {
      const unsigned first = j * bits / 8, last = ((j + 1) * bits - 1) / 8;
      shift[j * laneBytes] = static_cast<uint8_t>(j * bits % 8);
      for (unsigned k = 0; k < laneBytes; ++k)
        gather[j * laneBytes + k] = static_cast<uint8_t>((first + k) % 64);
      for (unsigned byte = first; byte <= last; ++byte) {
        (j % 2 ? odd : even)[byte] = static_cast<uint8_t>(j * laneBytes + byte - first);
        (j % 2 ? oddMask : evenMask) |= uint64_t(1) << byte;
      }
    }
  }
};

template <unsigned laneBytes> struct GroupTables {
  using Table = GroupTable<laneBytes>;
  Table table[Table::maxBits + 1 - Table::minBits];
  constexpr GroupTables() {
    for (unsigned bits = Table::minBits; bits <= Table::maxBits; ++bits)
      if (Table::fits(bits))
        table[bits - Table::minBits] = Table(bits);
  }
  constexpr const Table &operator[](unsigned bits) const { return table[bits - Table::minBits]; }
};
constexpr GroupTables<4> groupTables4;
constexpr GroupTables<8> groupTables8;

inline __mmask64 firstBytes(size_t count) {
  return count >= 64 ? ~__mmask64(0) : (__mmask64(1) << count) - 1;
}

/// Sixteen 32-bit lanes, an element each.
struct Lanes4 : Words512<uint32_t> {
  static constexpr unsigned elements = 16;
  using Table = GroupTable<4>;
  static const Table &table(unsigned bits) { return groupTables4[bits]; }

  explicit Lanes4(unsigned bits) : mask(_mm512_set1_epi32(static_cast<int>((1u << bits) - 1))) {}
  /// Of the elements of a lane, the bits that are packed; and the inverse, of a lane's low bits.
  __m512i join(__m512i v) const { return _mm512_and_si512(v, mask); }
  __m512i part(__m512i v) const { return _mm512_and_si512(v, mask); }

  static __m512i shiftLeftEach(__m512i v, __m512i shift) { return _mm512_sllv_epi32(v, shift); }
  static __m512i shiftRightEach(__m512i v, __m512i shift) { return _mm512_srlv_epi32(v, shift); }

private:
  __m512i mask;
};

/// Eight 64-bit lanes, a pair of elements each: lane = high << 32 | low, packed as high << bits |
/// low.
struct Pairs8 : Words512<uint32_t> {
  static constexpr unsigned elements = 16;
  using Table = GroupTable<8>;
  static const Table &table(unsigned bits) { return groupTables8[2 * bits]; }

  explicit Pairs8(unsigned bits)
      : low(_mm512_set1_epi64((1ll << bits) - 1)), high(_mm512_slli_epi64(low, bits)),
        gap(_mm_cvtsi32_si128(static_cast<int>(32 - bits))) {}
  __m512i join(__m512i v) const {
    const __m512i moved = _mm512_and_si512(_mm512_srl_epi64(v, gap), high);
    return _mm512_ternarylogic_epi64(moved, v, low, 0xf8); // moved | (v & low)
  }
  __m512i part(__m512i v) const {
    const __m512i moved = _mm512_sll_epi64(_mm512_and_si512(v, high), gap);
    return _mm512_ternarylogic_epi64(moved, v, low, 0xf8);
  }

  static __m512i shiftLeftEach(__m512i v, __m512i shift) { return _mm512_sllv_epi64(v, shift); }
  static __m512i shiftRightEach(__m512i v, __m512i shift) { return _mm512_srlv_epi64(v, shift); }

private:
  __m512i low, high;
  __m128i gap;
};

/// Eight 64-bit lanes, an element each, of words of either size.
struct Lanes8 : Words512<uint64_t> {
  static constexpr unsigned elements = 8;
  using Table = GroupTable<8>;
  static const Table &table(unsigned bits) { return groupTables8[bits]; }

  explicit Lanes8(unsigned bits)
      : mask(_mm512_set1_epi64(static_cast<long long>((uint64_t(1) << bits) - 1))) {}
  __m512i join(__m512i v) const { return _mm512_and_si512(v, mask); }
  __m512i part(__m512i v) const { return _mm512_and_si512(v, mask); }

  static __m512i shiftLeftEach(__m512i v, __m512i shift) { return _mm512_sllv_epi64(v, shift); }
  static __m512i shiftRightEach(__m512i v, __m512i shift) { return _mm512_srlv_epi64(v, shift); }
  using Words512::load;
  using Words512::store;
  static __m512i load(const uint32_t *p, Mask mask) {
    return _mm512_cvtepu32_epi64(_mm256_maskz_loadu_epi32(mask, p));
  }
  static void store(uint32_t *p, Mask mask, __m512i v) {
    _mm256_mask_storeu_epi32(p, mask, _mm512_cvtepi64_epi32(v));
  }

private:
  __m512i mask;
};

/// Packs vectors of Lanes::elements words, of which only the last may have fewer.
template <class Lanes> class GroupWriter {
public:
  /// Of `n` elements in all.
  GroupWriter(unsigned bits, size_t n, uint8_t *out)
      : table(Lanes::table(bits)), even(_mm512_load_si512(table.even)),
        odd(_mm512_load_si512(table.odd)), shift(_mm512_load_si512(table.shift)), lanes(bits),
        groupBytes(bits * Lanes::elements / 8), bytesLeft((n * bits + 7) / 8), out(out) {}

  void put(__m512i v) {
    v = Lanes::shiftLeftEach(lanes.join(v), shift);
    v = _mm512_or_si512(_mm512_maskz_permutexvar_epi8(table.evenMask, even, v),
                        _mm512_maskz_permutexvar_epi8(table.oddMask, odd, v));
    if (bytesLeft >= 64) // the zeros behind the group are overwritten by the next one
      _mm512_storeu_si512(out, v);
    else
      _mm512_mask_storeu_epi8(out, firstBytes(bytesLeft), v);
    out += groupBytes;
    bytesLeft -= std::min(bytesLeft, groupBytes);
  }

private:
  const typename Lanes::Table &table;
  const __m512i even, odd, shift;
  const Lanes lanes;
  const size_t groupBytes;
  size_t bytesLeft;
  uint8_t *out;
};

/// The inverse. Words behind the last one are arbitrary.
template <class Lanes> class GroupReader {
public:
  GroupReader(unsigned bits, size_t n, const uint8_t *in)
      : gather(_mm512_load_si512(Lanes::table(bits).gather)),
        shift(_mm512_load_si512(Lanes::table(bits).shift)), lanes(bits),
        groupBytes(bits * Lanes::elements / 8), bytesLeft((n * bits + 7) / 8), in(in) {}

  __m512i next() {
    const __m512i v = bytesLeft >= 64 ? _mm512_loadu_si512(in)
                                      : _mm512_maskz_loadu_epi8(firstBytes(bytesLeft), in);
    in += groupBytes;
    bytesLeft -= std::min(bytesLeft, groupBytes);
    return lanes.part(Lanes::shiftRightEach(_mm512_permutexvar_epi8(gather, v), shift));
  }

private:
  const __m512i gather, shift;
  const Lanes lanes;
  const size_t groupBytes;
  size_t bytesLeft;
  const uint8_t *in;
};

/// Calls body(first, lanes) for vector after vector of `n` words; `lanes` are those that exist.
template <class Lanes, class Body> void forEachGroup(size_t n, Body &&body) {
  for (size_t i = 0; i < n; i += Lanes::elements) {
    const size_t count = n - i < Lanes::elements ? n - i : Lanes::elements;
    body(i, static_cast<typename Lanes::Mask>((1u << count) - 1));
  }
}

/// Calls body.operator()<Lanes>() with the lanes for words and elements of this size; false if
/// there are none.
template <class Word, class Body> bool withLanes(unsigned bits, Body &&body) {
  if constexpr (sizeof(Word) == 4) {
    if (Lanes4::Table::fits(bits))
      return body.template operator()<Lanes4>(), true;
    if (Pairs8::Table::fits(2 * bits))
      return body.template operator()<Pairs8>(), true;
  }
  if (Lanes8::Table::fits(bits) && bits < wordBits<Word>)
    return body.template operator()<Lanes8>(), true;
  return false;
}

/// Single bits: a lane is a bit of a mask register.
template <class Word> void packBits(const Word *in, size_t n, uint8_t *out) {
  for (size_t i = 0; i < n; i += 8) {
    const auto lanes = static_cast<__mmask8>(n - i < 8 ? (1u << (n - i)) - 1 : 0xff);
    *out++ = _mm512_mask_test_epi64_mask(lanes, Lanes8::load(in + i, lanes), _mm512_set1_epi64(1));
  }
}
template <class Word> void unpackBits(const uint8_t *in, size_t n, Word *out) {
  for (size_t i = 0; i < n; i += 8) {
    const auto lanes = static_cast<__mmask8>(n - i < 8 ? (1u << (n - i)) - 1 : 0xff);
    Lanes8::store(out + i, lanes, _mm512_maskz_set1_epi64(*in++, 1));
  }
}

template <class Word> struct VbmiPacker {
  static void pack(unsigned bits, const Word *in, size_t n, uint8_t *out) {
    if (bits == 1)
      return packBits(in, n, out);
    const bool done = withLanes<Word>(bits, [&]<class Lanes>() {
      GroupWriter<Lanes> packed(bits, n, out);
      forEachGroup<Lanes>(
          n, [&](size_t i, typename Lanes::Mask here) { packed.put(Lanes::load(in + i, here)); });
    });
    if (!done)
      ShiftPacker<Word>::pack(bits, in, n, out);
  }

  static void unpack(unsigned bits, const uint8_t *in, size_t n, Word *out) {
    if (bits == 1)
      return unpackBits(in, n, out);
    const bool done = withLanes<Word>(bits, [&]<class Lanes>() {
      GroupReader<Lanes> packed(bits, n, in);
      forEachGroup<Lanes>(n, [&](size_t i, typename Lanes::Mask here) {
        Lanes::store(out + i, here, packed.next());
      });
    });
    if (!done)
      ShiftPacker<Word>::unpack(bits, in, n, out);
  }
};

/// What Open sends and what it makes of it, without storing words between the steps.
template <class Word> struct VbmiOpening {
  using Loops = Elementwise<Word, VbmiPacker<Word>>;

  static void maskAndPack(OpenedBits bits, Word rounding, const Word *share, const Word *maskShare,
                          size_t n, uint8_t *out) {
    const bool done = withLanes<Word>(bits.sent(), [&]<class Lanes>() {
      GroupWriter<Lanes> packed(bits.sent(), n, out);
      const __m512i added = Lanes::all(rounding);
      const __m128i dropped = _mm_cvtsi32_si128(static_cast<int>(bits.dropped));
      forEachGroup<Lanes>(n, [&](size_t i, typename Lanes::Mask here) {
        const __m512i sum =
            Lanes::add(Lanes::load(share + i, here), Lanes::load(maskShare + i, here));
        packed.put(Lanes::shiftRight(Lanes::add(sum, added), dropped));
      });
    });
    if (!done)
      Loops::maskAndPack(bits, rounding, share, maskShare, n, out);
  }

  static void unpackAndAdd(OpenedBits bits, const uint8_t *a, const uint8_t *b, size_t n,
                           Word *out) {
    const bool done = withLanes<Word>(bits.sent(), [&]<class Lanes>() {
      GroupReader<Lanes> one(bits.sent(), n, a), other(bits.sent(), n, b);
      const __m512i ringMask = Lanes::all(lowMask<Word>(bits.ring)),
                    middle = Lanes::all(static_cast<Word>(bits.middle()));
      const __m128i dropped = _mm_cvtsi32_si128(static_cast<int>(bits.dropped));
      forEachGroup<Lanes>(n, [&](size_t i, typename Lanes::Mask here) {
        const __m512i sum = Lanes::shiftLeft(Lanes::add(one.next(), other.next()), dropped);
        Lanes::store(out + i, here, _mm512_or_si512(_mm512_and_si512(sum, ringMask), middle));
      });
    });
    if (!done)
      Loops::unpackAndAdd(bits, a, b, n, out);
  }
};

} // namespace
} // namespace gfs
