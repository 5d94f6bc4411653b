// SPDX-License-Identifier: Apache-2.0
// Element-wise kernels on a GPU, one thread per element or per word of a packed message. They
// compute the bytes of runtime/kernels/{Elementwise,RescaleKernels}.h, where the formulas are.
//
// Packed arrays are padded to whole words of 32 bits; the last word is written whole.
#pragma once

#include "runtime/kernels/Kernels.h"
#include "runtime/kernels/cuda/Arrays.h"

namespace gfs::cuda {

template <class Word> GFS_DEVICE Word lowBits(unsigned bits) {
  return bits >= 8 * sizeof(Word) ? ~Word(0) : static_cast<Word>((Word(1) << bits) - 1);
}
constexpr uint64_t packedWords(uint64_t count, unsigned bits) { return (count * bits + 31) / 32; }

/// Element `index` of a packed array, reduced.
template <class Word>
GFS_DEVICE Word unpacked(const uint32_t *packed, unsigned bits, uint64_t index) {
  const uint64_t bit = index * bits;
  const unsigned shift = bit % 32;
  const uint32_t *from = packed + bit / 32;
  uint64_t field = from[0] >> shift;
  if (shift + bits > 32)
    field |= uint64_t(from[1]) << (32 - shift);
  if (shift + bits > 64)
    field |= uint64_t(from[2]) << (64 - shift);
  return static_cast<Word>(field) & lowBits<Word>(bits);
}

/// Words without gaps, mod 2^bits. Thread `index` gathers word `index` of the result.
template <class Word> struct PackTask {
  unsigned bits;
  Array<const Word> in;
  uint64_t elements;
  Array<uint32_t> out;

  uint64_t count() const { return packedWords(elements, bits); }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const Word *words = in.of(member);
    const uint64_t from = index * 32;
    uint64_t word = 0;
    for (uint64_t i = from / bits; i < elements && i * bits < from + 32; ++i) {
      const uint64_t value = words[i] & lowBits<Word>(bits);
      word |= i * bits >= from ? value << (i * bits - from) : value >> (from - i * bits);
    }
    out.of(member)[index] = static_cast<uint32_t>(word);
  }
};

/// Unpacks a message, the middle in place of dropped bits, and adds an array: what Open makes of
/// the peer's message. Reduced.
template <class Word> struct UnpackTask {
  OpenedBits bits;
  Array<const uint32_t> message;
  Array<const Word> addend; ///< None: zeros.
  uint64_t elements;
  Array<Word> out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    Word sum = unpacked<Word>(message.of(member), bits.sent(), index) << bits.dropped;
    sum += static_cast<Word>(bits.middle());
    if (addend.exists())
      sum += addend.of(member)[index];
    out.of(member)[index] = sum & lowBits<Word>(bits.ring);
  }
};

/// firstFactor * first + secondFactor * second, mod 2^bits: the gates that add, subtract, scale,
/// copy or fill.
template <class Word> struct CombineTask {
  unsigned bits;
  Array<const Word> first, second; ///< None: zeros.
  Word firstFactor, secondFactor;
  uint64_t elements;
  Array<Word> out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    Word sum = 0;
    if (first.exists())
      sum += firstFactor * first.of(member)[index];
    if (second.exists())
      sum += secondFactor * second.of(member)[index];
    out.of(member)[index] = sum & lowBits<Word>(bits);
  }
};

/// One bit per element and threshold, out of the element's table at an index that is public; see
/// CompareTable.cpp. Thread `index` makes the eight bits of a byte of one threshold, XOR what is in
/// `bits`, and with `addsPublic` the public bit n of X.
template <class Word> struct TableLookupTask {
  WindowShape window;
  unsigned ringBits, thresholds;
  bool addsPublic;
  Array<const Word> theta; ///< Thresholds; none: one of 0.
  Array<const Word> masked;
  Array<const uint8_t> tables;
  uint64_t elements;
  Array<uint8_t> bits;

  uint64_t bitBytes() const { return (elements + 7) / 8; }
  uint64_t count() const { return thresholds * bitBytes(); }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const uint64_t perThreshold = (elements + 7) / 8, first = index % perThreshold * 8;
    const unsigned width = window.high - window.low;
    const uint64_t tableBytes = width < 3 ? 1 : uint64_t(1) << (width - 3);
    const Word centre = (Word(1) << window.high) -
                        (window.low ? static_cast<Word>(Word(1) << (window.low - 1)) : Word(0));
    const Word threshold = theta.exists() ? theta.of(member)[index / perThreshold] : Word(0);
    unsigned byte = bits.of(member)[index];
    for (unsigned j = 0; j < 8 && first + j < elements; ++j) {
      const uint64_t i = first + j;
      const Word lifted = (masked.of(member)[i] - threshold + centre) & lowBits<Word>(ringBits);
      const Word x = lifted >> window.low;
      const uint64_t at = x & lowBits<Word>(width);
      byte ^= (tables.of(member)[i * tableBytes + at / 8] >> (at % 8) & 1u) << j;
      if (addsPublic)
        byte ^= static_cast<unsigned>(lifted >> window.high & 1) << j;
    }
    bits.of(member)[index] = static_cast<uint8_t>(byte);
  }
};

/// The public part of a masked value ẑ = z + s: P = (ẑ' >> f) - 2^{l-2-f} and t = MSB(ẑ'), with
/// ẑ' = ẑ + 2^{l-2} mod 2^l. Names and formulas as in RescaleKernels.h.
template <class Word> struct PublicPart {
  Word part, topSet;
  unsigned ringBits, shift;

  GFS_DEVICE PublicPart(RescaleShape shape, Word masked)
      : ringBits(shape.ringBits), shift(shape.shift) {
    const Word lifted = (masked + (Word(1) << (ringBits - 2))) & lowBits<Word>(ringBits);
    part = (lifted >> shift) - (Word(1) << (ringBits - 2 - shift));
    topSet = Word(0) - (lifted >> (ringBits - 1));
  }
  /// bit * 2^{l-f}; two shifts, because one by a whole word is undefined.
  GFS_DEVICE Word wrap(Word bit) const { return bit << (ringBits - 1 - shift) << 1; }
};

template <class Word> struct TruncateTask {
  RescaleShape shape;
  bool addsPublic;
  Array<const Word> masked, v, u;
  uint64_t elements;
  Array<Word> out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    const PublicPart<Word> z(shape, masked.of(member)[i]);
    out.of(member)[i] =
        (addsPublic ? z.part : Word(0)) + v.of(member)[i] - (z.wrap(u.of(member)[i]) & z.topSet);
  }
};

template <class Word> struct SquareTask {
  RescaleShape shape;
  bool addsPublic;
  Array<const Word> masked, v, vv, u, q;
  uint64_t elements;
  Array<Word> out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    const PublicPart<Word> z(shape, masked.of(member)[i]);
    const Word vt = v.of(member)[i] + (z.wrap(u.of(member)[i]) & ~z.topSet);
    out.of(member)[i] = z.part * ((addsPublic ? z.part : Word(0)) + 2 * vt) + vv.of(member)[i] +
                        (z.wrap(q.of(member)[i]) & ~z.topSet);
  }
};

template <class Word> struct ReluSelectTask {
  RescaleShape shape;
  bool addsPublic;
  Array<const Word> masked;
  Array<const uint8_t> g; ///< Opened: public.
  Array<const Word> rho, v, rhoV, u, rhoU;
  uint64_t elements;
  Array<Word> out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    const PublicPart<Word> z(shape, masked.of(member)[i]);
    const Word vt = v.of(member)[i] - (z.wrap(u.of(member)[i]) & z.topSet);
    const Word product =
        z.part * rho.of(member)[i] + rhoV.of(member)[i] - (z.wrap(rhoU.of(member)[i]) & z.topSet);
    const Word keep = Word(0) - static_cast<Word>(g.of(member)[i / 8] >> (i % 8) & 1);
    out.of(member)[i] = ((product ^ keep) - keep) + (((addsPublic ? z.part : Word(0)) + vt) & keep);
  }
};

/// Beaver's product on masked values: x (y·1{addsPublic} - s) - y r + rs; see Multiply.cpp.
template <class Word> struct MultiplyTask {
  bool addsPublic;
  Array<const Word> x, y, r, s, rs;
  uint64_t elements;
  Array<Word> out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    const Word b = y.of(member)[i];
    out.of(member)[i] = x.of(member)[i] * ((addsPublic ? b : Word(0)) - s.of(member)[i]) -
                        b * r.of(member)[i] + rs.of(member)[i];
  }
};

} // namespace gfs::cuda
