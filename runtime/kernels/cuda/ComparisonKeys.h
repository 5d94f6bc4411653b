// SPDX-License-Identifier: Apache-2.0
// Comparison functions on a GPU: Dcf::evaluate (runtime/crypto/Dcf.cpp, where the construction and
// the names are), four functions a thread, with bit-sliced AES. The position x is public; branches
// and addresses depend on nothing else.
#pragma once

#include "runtime/kernels/cuda/CounterMode.h"

namespace gfs::cuda {

/// The public permutations of the generator: child seeds, first and second value block.
struct ComparisonRoundKeys {
  SlicedRoundKeys seed, value[2];
};

/// Where a payload word lies in a value correction.
struct PayloadWord {
  unsigned offset, bits;
};
constexpr unsigned mostPayloadWords = 4;

/// out = P(in) ^ in for four blocks.
GFS_DEVICE void hashFour(const SlicedRoundKeys &keys, const uint64_t *in, uint64_t *out) {
  SlicedAes::State state;
  for (int i = 0; i < 8; ++i)
    state[i] = {in[i]};
  SlicedAes::transposeBytes(state);
  SlicedAes::transposeBits(state);
  SlicedAes::encrypt(state, keys.round);
  SlicedAes::transposeBits(state);
  SlicedAes::transposeBytes(state);
  for (int i = 0; i < 8; ++i)
    out[i] = state[i].bits ^ in[i];
}

/// `count` bytes, little-endian; no alignment.
GFS_DEVICE uint64_t loadBytes(const uint8_t *from, unsigned count) {
  uint64_t word = 0;
  for (unsigned i = 0; i < count; ++i)
    word |= uint64_t(from[i]) << (8 * i);
  return word;
}

/// Evaluates one function per element at the window's X_j of every threshold j. Word w of threshold
/// j goes to out[(j * outPitch + w) arrays of `outBytes`].
template <class Word> struct ComparisonKeyTask {
  WindowShape window; ///< Its width is the domain.
  unsigned ringBits, thresholds;
  bool negates; ///< Server 1.
  unsigned words, valueBits;
  PayloadWord word[mostPayloadWords];
  Array<const ComparisonRoundKeys> permutations;
  Array<const Word> theta; ///< Thresholds; none: one of 0.
  Array<const Word> masked;
  Array<const uint8_t> roots, keys; ///< As Dcf.h lays them out.
  uint64_t elements;
  Array<Word> out;
  uint64_t outPitch, outBytes;

  uint64_t count() const { return thresholds * ((elements + 3) / 4); }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const uint64_t perThreshold = (elements + 3) / 4, first = index % perThreshold * 4,
                   threshold = index / perThreshold;
    Functions f;
    f.count = elements - first < 4 ? static_cast<unsigned>(elements - first) : 4;
    start(f, first, threshold, member);
    const ComparisonRoundKeys &permutation = *permutations.of(member);
    const unsigned domain = window.high - window.low, valueBytes = (valueBits + 7) / 8;
    // Blocks of 64 functions: final corrections, then a level's values and seeds.
    const uint64_t block = first / blockSize, inBlock = first % blockSize;
    const uint64_t left = elements - block * blockSize, size = left < blockSize ? left : blockSize;
    const uint8_t *final =
        keys.of(member) + block * blockSize * ((domain + 1) * uint64_t(valueBytes) + domain * 16);
    const uint8_t *level = final + size * valueBytes;
    for (unsigned bit = domain; bit-- > 0; level += size * (valueBytes + 16)) {
      GFS_UNROLL
      for (unsigned e = 0; e < 4; ++e)
        f.node[2 * e] |= f.x[e] >> bit & 1;
      addValues(f, permutation, level + inBlock * valueBytes, valueBytes);
      descend(f, permutation.seed, level + size * valueBytes + inBlock * 16, bit);
    }
    addValues(f, permutation, final + inBlock * valueBytes, valueBytes);
    for (unsigned w = 0; w < words; ++w) {
      Word *to = reinterpret_cast<Word *>(reinterpret_cast<uint8_t *>(out.of(member)) +
                                          (threshold * outPitch + w) * outBytes);
      const uint64_t sign = negates ? ~uint64_t(0) : 0, mask = ~uint64_t(0) >> (64 - word[w].bits);
      for (unsigned e = 0; e < f.count; ++e)
        to[first + e] = static_cast<Word>(((f.sum[w][e] ^ sign) - sign) & mask);
    }
  }

private:
  static constexpr uint64_t blockSize = 64;

  /// Four functions on their way down.
  struct Functions {
    unsigned count;
    uint64_t x[4];
    uint64_t node[8];    ///< Seeds; bit 0 takes the direction.
    uint64_t control[4]; ///< t as masks.
    uint64_t sum[mostPayloadWords][4];
  };

  GFS_DEVICE void start(Functions &f, uint64_t first, uint64_t threshold, Member member) const {
    const Word centre = (Word(1) << window.high) -
                        (window.low ? static_cast<Word>(Word(1) << (window.low - 1)) : Word(0));
    const Word at = theta.exists() ? theta.of(member)[threshold] : Word(0);
    for (unsigned e = 0; e < 4; ++e) {
      const uint64_t i = first + (e < f.count ? e : 0); // rubbish is computed, but not read
      const Word lifted = (masked.of(member)[i] - at + centre) & lowBits<Word>(ringBits);
      f.x[e] = lifted >> window.low;
      const uint8_t *root = roots.of(member) + 16 * i;
      f.node[2 * e] = loadBytes(root, 8) & ~uint64_t(3);
      f.node[2 * e + 1] = loadBytes(root + 8, 8);
      f.control[e] = negates ? ~uint64_t(0) : 0;
      for (unsigned w = 0; w < mostPayloadWords; ++w)
        f.sum[w][e] = 0;
    }
  }

  /// V += Convert(H_value(node)) + t V_CW.
  GFS_DEVICE void addValues(Functions &f, const ComparisonRoundKeys &permutation,
                            const uint8_t *corrections, unsigned valueBytes) const {
    uint64_t pad[2][8];
    hashFour(permutation.value[0], f.node, pad[0]);
    if (valueBits > 128)
      hashFour(permutation.value[1], f.node, pad[1]);
    for (unsigned w = 0; w < words; ++w) {
      const unsigned offset = word[w].offset, bits = word[w].bits, shift = offset % 64,
                     lane = offset / 64;
      for (unsigned e = 0; e < f.count; ++e) {
        uint64_t value = pad[lane / 2][2 * e + lane % 2] >> shift;
        if (shift + bits > 64)
          value |= pad[(lane + 1) / 2][2 * e + (lane + 1) % 2] << (64 - shift);
        const uint8_t *from = corrections + e * valueBytes + offset / 8;
        const unsigned bytes = (offset % 8 + bits + 7) / 8;
        uint64_t correction = loadBytes(from, bytes < 8 ? bytes : 8) >> (offset % 8);
        if (bytes > 8)
          correction |= uint64_t(from[8]) << (64 - offset % 8);
        f.sum[w][e] += value + (correction & f.control[e]);
      }
    }
  }

  GFS_DEVICE void descend(Functions &f, const SlicedRoundKeys &seedKeys, const uint8_t *seeds,
                          unsigned bit) const {
    uint64_t child[8];
    hashFour(seedKeys, f.node, child);
    for (unsigned e = 0; e < 4; ++e) {
      const uint8_t *from = seeds + 16 * (e < f.count ? e : 0);
      const uint64_t low = loadBytes(from, 8) & f.control[e],
                     high = loadBytes(from + 8, 8) & f.control[e];
      const uint64_t direction = f.x[e] >> bit & 1;
      f.control[e] = uint64_t(0) - ((child[2 * e] ^ low >> direction) & 1);
      f.node[2 * e] = (child[2 * e] ^ low) & ~uint64_t(3);
      f.node[2 * e + 1] = child[2 * e + 1] ^ high;
    }
  }
};

} // namespace gfs::cuda
