// SPDX-License-Identifier: Apache-2.0
// What the dealer computes from a clear mask s, on a GPU: the values behind dealt shares. Formulas
// are in runtime/gates/{Rescale.h,CompareTable.cpp,CompareOneHot.cpp}. No branch and no address
// depends on s.
//
// XOR shares: an array holds server 0's stream when its task starts, and server 1's share after.
#pragma once

#include "runtime/kernels/cuda/Elements.h"

namespace gfs::cuda {

/// Functions of a mask: 1, V_0, V_1, u, V_1², q = u (2 V_1 + 2^{l-f}); see Rescale.h.
enum class MaskTerm : uint32_t { One, TopClear, TopSet, Carry, TopSetSquared, CarryProduct };
/// What a term is multiplied with: 1, a bit of an array (ρ), b = bit_n(Sk), or 1 - 2b.
enum class TermFactor : uint32_t { None, Bit, TopBit, Sign };

template <class Word> struct MaskTermTask {
  RescaleShape shape;
  MaskTerm term;
  TermFactor factor;
  WindowShape window;        ///< Of b.
  Array<const Word> mask;    ///< s, reduced.
  Array<const uint8_t> bits; ///< Packed; for TermFactor::Bit.
  uint64_t elements;
  Array<Word> out; ///< Bits above the ring's are arbitrary.

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    const Word s = mask.of(member)[i];
    Word value = termOf(s);
    if (factor == TermFactor::Bit)
      value &= Word(0) - static_cast<Word>(bits.of(member)[i / 8] >> (i % 8) & 1);
    const Word top = Word(0) - (s >> window.high & 1);
    if (factor == TermFactor::TopBit)
      value &= top;
    if (factor == TermFactor::Sign)
      value = (value ^ top) - top;
    out.of(member)[i] = value;
  }

private:
  GFS_DEVICE Word termOf(Word s) const {
    const Word carry = s >> (shape.ringBits - 1), negated = Word(0) - (s >> shape.shift);
    switch (term) {
    case MaskTerm::One:
      return 1;
    case MaskTerm::TopClear:
      return wrap(carry) + negated;
    case MaskTerm::TopSet:
      return negated;
    case MaskTerm::Carry:
      return carry;
    case MaskTerm::TopSetSquared:
      return negated * negated;
    default:
      return carry * (2 * negated + wrap(1));
    }
  }
  /// bit * 2^{l-f}; two shifts, because one by a whole word is undefined.
  GFS_DEVICE Word wrap(Word bit) const { return bit << (shape.ringBits - 1 - shape.shift) << 1; }
};

/// first * second, element by element; bits above the ring's are arbitrary.
template <class Word> struct ProductTask {
  Array<const Word> first, second;
  uint64_t elements;
  Array<Word> out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    out.of(member)[i] = first.of(member)[i] * second.of(member)[i];
  }
};

/// XORs every element's table T[j] = 1{j < a}, a = Sk mod 2^n, 2^logBytes bytes each; one thread
/// per byte.
template <class Word> struct TableDealTask {
  WindowShape window;
  unsigned logBytes;
  Array<const Word> mask;
  uint64_t elements;
  Array<uint8_t> tables;

  uint64_t count() const { return elements << logBytes; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const Word s = mask.of(member)[index >> logBytes];
    const auto a = static_cast<int64_t>(s >> window.low & lowBits<Word>(window.high - window.low));
    const uint64_t inTable = index & ((uint64_t(1) << logBytes) - 1);
    // How many of this byte's positions lie below a, 0 to 8.
    int64_t below = a - static_cast<int64_t>(8 * inTable);
    below &= ~(below >> 63);
    const int64_t above = (8 - below) >> 63;
    below = (below & ~above) | (8 & above);
    tables.of(member)[index] ^= static_cast<uint8_t>((1u << below) - 1);
  }
};

/// XORs one-hot(a_c), a_c bits [4c, 4c + log2(positions)) of a = Sk mod 2^n, `positions` bits an
/// element; one thread per word of the packed array, which is padded to whole words.
template <class Word> struct OneHotDealTask {
  WindowShape window;
  unsigned firstBit, positions; ///< 4c; 2, 4, 8 or 16.
  Array<const Word> mask;
  uint64_t elements;
  Array<uint32_t> packed;

  uint64_t count() const { return packedWords(elements, positions); }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const unsigned perWord = 32 / positions;
    uint32_t word = 0;
    for (unsigned e = 0; e < perWord && index * perWord + e < elements; ++e) {
      const Word chunk = mask.of(member)[index * perWord + e] >> window.low >> firstBit;
      const uint32_t oneHot = uint32_t(1) << (static_cast<uint32_t>(chunk) & (positions - 1));
      word |= oneHot << (e * positions);
    }
    packed.of(member)[index] ^= word;
  }
};

/// XORs b = bit_n(Sk) into the bits of every threshold; one thread per byte of one threshold's.
template <class Word> struct TopBitsTask {
  WindowShape window;
  unsigned thresholds;
  Array<const Word> mask;
  uint64_t elements;
  Array<uint8_t> bits;

  uint64_t count() const { return (elements + 7) / 8; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    unsigned top = 0;
    for (unsigned j = 0; j < 8 && 8 * index + j < elements; ++j)
      top |= static_cast<unsigned>(mask.of(member)[8 * index + j] >> window.high & 1) << j;
    for (unsigned j = 0; j < thresholds; ++j)
      bits.of(member)[j * ((elements + 7) / 8) + index] ^= static_cast<uint8_t>(top);
  }
};

/// XORs the products of one level's hiding bits, in the order of HideOperandsTask and JoinTask.
struct TripleProductsTask {
  uint64_t pairs, arrayLength;
  Array<const uint8_t> operands; ///< Of both servers together.
  Array<uint8_t> products;

  uint64_t count() const { return arrayLength; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const uint8_t *opened = operands.of(member) + index;
    uint8_t *product = products.of(member) + index;
    auto multiply = [&](uint64_t high, uint64_t low) {
      *product ^= opened[high * arrayLength] & opened[low * arrayLength];
      product += arrayLength;
    };
    for (uint64_t pair = 0, high = 0; pair < pairs; high += pair == 0 ? 2 : 3, ++pair) {
      multiply(high, high + 1);
      if (pair > 0)
        multiply(high, high + 2);
    }
  }
};

} // namespace gfs::cuda
