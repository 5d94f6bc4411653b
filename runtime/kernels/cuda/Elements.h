// SPDX-License-Identifier: Apache-2.0
// Element-wise kernels on a GPU, one thread per element or per word of a packed message. They
// compute the bytes of runtime/kernels/{Elementwise,RescaleKernels}.h, where the formulas are.
//
// Packed arrays are padded with zeros to whole words of 32 bits.
#pragma once

#include "runtime/kernels/Kernels.h"
#include "runtime/kernels/cuda/Simt.h"

namespace gfs::cuda {

template <class Word> GFS_DEVICE Word lowBits(unsigned bits) {
  return bits >= 8 * sizeof(Word) ? ~Word(0) : static_cast<Word>((Word(1) << bits) - 1);
}
constexpr uint64_t packedWords(uint64_t count, unsigned bits) { return (count * bits + 31) / 32; }

/// What Open sends: (share + maskShare) mod 2^bits without gaps. Thread `index` gathers word
/// `index`.
template <class Word> struct MaskAndPackTask {
  unsigned bits;
  const Word *share, *maskShare; ///< `maskShare` null: zeros.
  uint64_t elements;
  uint32_t *out;

  uint64_t count() const { return packedWords(elements, bits); }
  GFS_DEVICE void operator()(uint64_t index) const {
    const uint64_t from = index * 32;
    uint64_t word = 0;
    for (uint64_t i = from / bits; i < elements && i * bits < from + 32; ++i) {
      const Word sum = maskShare ? share[i] + maskShare[i] : share[i];
      const uint64_t value = sum & lowBits<Word>(bits);
      word |= i * bits >= from ? value << (i * bits - from) : value >> (from - i * bits);
    }
    out[index] = static_cast<uint32_t>(word);
  }
};

/// What Open makes of the peer's message: share + maskShare + message, reduced.
template <class Word> struct UnpackAndOpenTask {
  unsigned bits;
  const Word *share, *maskShare; ///< Both null: the message alone.
  const uint32_t *message;
  uint64_t elements;
  Word *out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t index) const {
    const uint64_t bit = index * bits;
    const unsigned shift = bit % 32;
    const uint32_t *from = message + bit / 32;
    uint64_t field = from[0] >> shift;
    if (shift + bits > 32)
      field |= uint64_t(from[1]) << (32 - shift);
    if (shift + bits > 64)
      field |= uint64_t(from[2]) << (64 - shift);
    Word sum = static_cast<Word>(field);
    if (share)
      sum += share[index] + maskShare[index];
    out[index] = sum & lowBits<Word>(bits);
  }
};

/// One bit per element out of its own table, at an index that is public. Thread `index` looks up
/// the eight bits of a byte.
template <class Word> struct TableLookupTask {
  WindowShape window;
  const Word *masked;
  const uint8_t *tables;
  uint64_t elements;
  uint8_t *out;

  uint64_t count() const { return (elements + 7) / 8; }
  GFS_DEVICE void operator()(uint64_t index) const {
    const unsigned bits = window.high - window.low;
    const uint64_t tableBytes = bits < 3 ? 1 : uint64_t(1) << (bits - 3);
    const Word half = window.low ? Word(1) << (window.low - 1) : Word(0);
    unsigned byte = 0;
    for (unsigned j = 0; j < 8 && 8 * index + j < elements; ++j) {
      const uint64_t i = 8 * index + j;
      const uint64_t at = (masked[i] - half) >> window.low & lowBits<Word>(bits);
      byte |= (tables[i * tableBytes + at / 8] >> (at % 8) & 1u) << j;
    }
    out[index] = static_cast<uint8_t>(byte);
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
  const Word *masked;
  TruncateShares<Word> shares;
  uint64_t elements;
  Word *out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i) const {
    const PublicPart<Word> z(shape, masked[i]);
    out[i] = (addsPublic ? z.part : Word(0)) + shares.v[i] - (z.wrap(shares.u[i]) & z.topSet);
  }
};

template <class Word> struct SquareTask {
  RescaleShape shape;
  bool addsPublic;
  const Word *masked;
  SquareShares<Word> shares;
  uint64_t elements;
  Word *out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i) const {
    const PublicPart<Word> z(shape, masked[i]);
    const Word vt = shares.v[i] + (z.wrap(shares.u[i]) & ~z.topSet);
    out[i] = z.part * ((addsPublic ? z.part : Word(0)) + 2 * vt) + shares.vv[i] +
             (z.wrap(shares.q[i]) & ~z.topSet);
  }
};

template <class Word> struct ReluSelectTask {
  RescaleShape shape;
  bool addsPublic;
  const Word *masked;
  const uint8_t *g; ///< Opened: public.
  ReluShares<Word> shares;
  uint64_t elements;
  Word *out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i) const {
    const PublicPart<Word> z(shape, masked[i]);
    const Word vt = shares.v[i] - (z.wrap(shares.u[i]) & z.topSet);
    const Word product =
        z.part * shares.rho[i] + shares.rhoV[i] - (z.wrap(shares.rhoU[i]) & z.topSet);
    const Word keep = Word(0) - static_cast<Word>(g[i / 8] >> (i % 8) & 1);
    out[i] = ((product ^ keep) - keep) + (((addsPublic ? z.part : Word(0)) + vt) & keep);
  }
};

} // namespace gfs::cuda
