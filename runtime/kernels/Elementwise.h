// SPDX-License-Identifier: Apache-2.0
// Element-wise kernels, written once and compiled for each instruction set (see KernelVariants.h
// for the rules). Plain loops are left to the vectoriser; `Packer` brings the variant's bit
// packing.
#pragma once

#include "runtime/kernels/Kernels.h"

#include <cstring>

namespace gfs {
namespace {

template <class Word> constexpr unsigned wordBits = 8 * sizeof(Word);

template <class Word> inline Word lowMask(unsigned bits) {
  return bits >= wordBits<Word> ? ~Word(0) : static_cast<Word>((Word(1) << bits) - 1);
}

/// Bit packing with 64-bit shifts, for any CPU and any width up to the word.
template <class Word> struct ShiftPacker {
  static void pack(unsigned bits, const Word *in, size_t n, uint8_t *out) {
    if (bits == 1)
      return packBits(in, n, out);
    if (n == 0)
      return;
    if (bits == wordBits<Word>) {
      std::memcpy(out, in, n * sizeof(Word));
      return;
    }
    const uint64_t mask = (uint64_t(1) << bits) - 1;
    uint64_t window = 0; // bits not yet stored, `filled` of them
    unsigned filled = 0;
    for (size_t i = 0; i < n; ++i) {
      uint64_t value = in[i] & mask;
      window |= value << filled;
      filled += bits;
      if (filled >= 64) {
        std::memcpy(out, &window, 8);
        out += 8;
        filled -= 64;
        window = value >> (bits - filled);
      }
    }
    std::memcpy(out, &window, (filled + 7) / 8);
  }

  static void unpack(unsigned bits, const uint8_t *in, size_t n, Word *out) {
    if (bits == 1)
      return unpackBits(in, n, out);
    if (n == 0)
      return;
    if (bits == wordBits<Word>) {
      std::memcpy(out, in, n * sizeof(Word));
      return;
    }
    // An element lies within the 9 bytes from the byte of its first bit; load those without leaving
    // the input.
    const uint64_t mask = (uint64_t(1) << bits) - 1;
    const size_t bytes = (n * bits + 7) / 8;
    size_t i = 0;
    for (size_t bit = 0; i < n && bit / 8 + 9 <= bytes; ++i, bit += bits)
      out[i] = static_cast<Word>(window(in + bit / 8, bit % 8) & mask);
    for (; i < n; ++i) {
      size_t first = i * bits / 8, left = bytes - first;
      uint8_t tail[9] = {};
      std::memcpy(tail, in + first, left < 9 ? left : 9);
      out[i] = static_cast<Word>(window(tail, i * bits % 8) & mask);
    }
  }

private:
  // Single bits, eight at a time: the inner loops become vector code.
  static void packBits(const Word *in, size_t n, uint8_t *out) {
    for (; n >= 8; n -= 8, in += 8) {
      Word byte = 0;
      for (unsigned j = 0; j < 8; ++j)
        byte |= (in[j] & 1) << j;
      *out++ = static_cast<uint8_t>(byte);
    }
    if (n > 0)
      *out = 0;
    for (unsigned j = 0; j < n; ++j)
      *out = static_cast<uint8_t>(*out | (in[j] & 1) << j);
  }
  static void unpackBits(const uint8_t *in, size_t n, Word *out) {
    for (; n >= 8; n -= 8, out += 8, ++in)
      for (unsigned j = 0; j < 8; ++j)
        out[j] = static_cast<Word>(*in) >> j & 1;
    for (unsigned j = 0; j < n; ++j)
      out[j] = static_cast<Word>(*in) >> j & 1;
  }

  static uint64_t window(const uint8_t *bytes, unsigned shift) {
    uint64_t low;
    std::memcpy(&low, bytes, 8);
    return low >> shift | uint64_t(bytes[8]) << 1 << (63 - shift);
  }
};

template <class Word, class Packer> struct Elementwise {
  // Fused packing goes through a block in L1; its size keeps every block at a byte boundary for
  // every width.
  static constexpr size_t blockWords = 512;

  static void add(const Word *a, const Word *b, Word *out, size_t n) {
    for (size_t i = 0; i < n; ++i)
      out[i] = a[i] + b[i];
  }

  static void sub(const Word *a, const Word *b, Word *out, size_t n) {
    for (size_t i = 0; i < n; ++i)
      out[i] = a[i] - b[i];
  }

  static void scale(const Word *a, Word factor, Word *out, size_t n) {
    for (size_t i = 0; i < n; ++i)
      out[i] = a[i] * factor;
  }

  static void reduce(unsigned ringBits, Word *a, size_t n) {
    const Word mask = lowMask<Word>(ringBits);
    for (size_t i = 0; i < n; ++i)
      a[i] &= mask;
  }

  static void maskAndPack(OpenedBits bits, Word rounding, const Word *share, const Word *maskShare,
                          size_t n, uint8_t *out) {
    Word sum[blockWords];
    for (size_t first = 0; first < n; first += blockWords) {
      size_t count = n - first < blockWords ? n - first : blockWords;
      for (size_t i = 0; i < count; ++i)
        sum[i] = (share[first + i] + maskShare[first + i] + rounding) >> bits.dropped;
      Packer::pack(bits.sent(), sum, count, out + first / 8 * bits.sent());
    }
  }

  static void unpackAndAdd(OpenedBits bits, const uint8_t *a, const uint8_t *b, size_t n,
                           Word *out) {
    const Word mask = lowMask<Word>(bits.ring), middle = static_cast<Word>(bits.middle());
    Word other[blockWords];
    for (size_t first = 0; first < n; first += blockWords, out += blockWords) {
      size_t count = n - first < blockWords ? n - first : blockWords;
      Packer::unpack(bits.sent(), a + first / 8 * bits.sent(), count, out);
      Packer::unpack(bits.sent(), b + first / 8 * bits.sent(), count, other);
      for (size_t i = 0; i < count; ++i)
        out[i] = ((out[i] + other[i]) << bits.dropped & mask) | middle;
    }
  }

  static void oneHotLookup(unsigned low, unsigned bits, const Word *index, const uint8_t *oneHot,
                           size_t n, uint8_t *less, uint8_t *equal) {
    const Word mask = lowMask<Word>(bits);
    const unsigned positions = 1u << bits;
    Word found[blockWords], above[blockWords];
    for (size_t first = 0; first < n; first += blockWords) {
      const size_t count = n - first < blockWords ? n - first : blockWords;
      Packer::unpack(positions, oneHot + first / 8 * positions, count, found);
      for (size_t i = 0; i < count; ++i) {
        const Word rest = found[i] >> (index[first + i] >> low & mask);
        Word parity = rest >> 1; // of what is above, folded
        parity ^= parity >> 8;
        parity ^= parity >> 4;
        parity ^= parity >> 2;
        parity ^= parity >> 1;
        found[i] = rest;
        above[i] = parity;
      }
      Packer::pack(1, found, count, equal + first / 8);
      Packer::pack(1, above, count, less + first / 8);
    }
  }

  // Of the window's centre, 2^high changes no bit below `high`; only the half step matters to the
  // index.
  static void tableLookup(WindowShape window, unsigned ringBits, const Word *masked,
                          const uint8_t *tables, size_t n, uint8_t *out) {
    const unsigned bits = window.high - window.low;
    const size_t tableBytes = bits < 3 ? 1 : size_t(1) << (bits - 3);
    const Word indexMask = lowMask<Word>(bits);
    const Word half = window.low ? Word(1) << (window.low - 1) : 0;
    for (size_t first = 0; first < n; first += 8) {
      size_t count = n - first < 8 ? n - first : 8;
      unsigned byte = 0;
      for (size_t j = 0; j < count; ++j) {
        size_t index = (masked[first + j] - half) >> window.low & indexMask;
        unsigned bit = tables[(first + j) * tableBytes + index / 8] >> (index % 8) & 1;
        byte |= bit << j;
      }
      out[first / 8] = static_cast<uint8_t>(byte);
    }
  }
};

} // namespace
} // namespace gfs
