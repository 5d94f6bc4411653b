// SPDX-License-Identifier: Apache-2.0
// Comparison keys made on a GPU: Dcf::generate (runtime/crypto/Dcf.cpp, where the construction, the
// names and the lines are), one function a thread. Both children of both servers' nodes are four
// blocks, which bit-sliced AES takes at once. No branch and no address depends on alpha, on the
// payload or on a seed.
#pragma once

#include "runtime/kernels/cuda/ComparisonKeys.h"

namespace gfs::cuda {

/// Writes the correction words of one function per element, with alpha = Sk mod 2^n.
template <class Word> struct ComparisonDealTask {
  WindowShape window; ///< Its width is the domain.
  unsigned words, valueBits;
  PayloadWord word[mostPayloadWords];
  Array<const ComparisonRoundKeys> permutations;
  Array<const Word> mask;
  Array<const uint8_t> roots[2]; ///< Of both servers.
  Array<const Word> payload;     ///< Word w of all elements, `payloadBytes` after that before it.
  uint64_t payloadBytes;
  uint64_t elements;
  Array<uint8_t> keys; ///< As Dcf.h lays them out.

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const unsigned domain = window.high - window.low;
    const uint64_t valueBytes = (valueBits + 7) / 8;
    const uint64_t block = index / blockSize, inBlock = index % blockSize,
                   left = elements - block * blockSize, size = left < blockSize ? left : blockSize;
    uint8_t *const final =
        keys.of(member) + block * blockSize * ((domain + 1) * valueBytes + domain * 16);
    uint8_t *level = final + size * valueBytes;
    const uint64_t alpha = mask.of(member)[index] >> window.low;
    const ComparisonRoundKeys &permutation = *permutations.of(member);
    Function f;
    start(f, index, member);                                                    // line 2
    for (unsigned bit = domain; bit-- > 0; level += size * (valueBytes + 16)) { // line 3
      expand(f, permutation);
      const uint64_t goRight = uint64_t(0) - (alpha >> bit & 1);
      correctValues(f, goRight, level + inBlock * valueBytes);
      correctSeeds(f, goRight, level + size * valueBytes + inBlock * 16);
    }
    finish(f, permutation, final + inBlock * valueBytes);
  }

private:
  static constexpr uint64_t blockSize = 64;

  /// Of both servers; a block is two words.
  struct Function {
    uint64_t seed[2][2];
    uint64_t control[2];                                         ///< t_b as masks.
    uint64_t value[mostPayloadWords], payload[mostPayloadWords]; ///< V_alpha; beta.
    uint64_t node[8], child[8], pad[2][8]; ///< Blocks by server and side: 0L, 0R, 1L, 1R.
  };

  static GFS_DEVICE uint64_t negateIf(uint64_t mask, uint64_t value) {
    return (value ^ mask) - mask;
  }
  static GFS_DEVICE uint64_t select(uint64_t mask, uint64_t a, uint64_t b) {
    return b ^ ((a ^ b) & mask);
  }

  GFS_DEVICE void start(Function &f, uint64_t index, Member member) const {
    GFS_UNROLL
    for (unsigned server = 0; server < 2; ++server) {
      const uint8_t *root = roots[server].of(member) + 16 * index;
      f.seed[server][0] = loadBytes(root, 8) & ~uint64_t(3);
      f.seed[server][1] = loadBytes(root + 8, 8);
      f.control[server] = uint64_t(0) - server;
    }
    const auto *from = reinterpret_cast<const uint8_t *>(payload.of(member));
    for (unsigned w = 0; w < words; ++w) {
      f.value[w] = 0;
      f.payload[w] = reinterpret_cast<const Word *>(from + w * payloadBytes)[index];
    }
  }

  /// The value blocks of the four nodes.
  GFS_DEVICE void expandValues(Function &f, const ComparisonRoundKeys &permutation) const {
    hashFour(permutation.value[0], f.node, f.pad[0]);
    if (valueBits > 128)
      hashFour(permutation.value[1], f.node, f.pad[1]);
  }
  /// Line 4; bit 0 of a node is its direction.
  GFS_DEVICE void expand(Function &f, const ComparisonRoundKeys &permutation) const {
    GFS_UNROLL
    for (unsigned n = 0; n < 4; ++n) {
      f.node[2 * n] = f.seed[n / 2][0] | n % 2;
      f.node[2 * n + 1] = f.seed[n / 2][1];
    }
    hashFour(permutation.seed, f.node, f.child);
    expandValues(f, permutation);
  }

  /// Convert(v_1) - Convert(v_0) of one side, for word w.
  GFS_DEVICE uint64_t difference(const Function &f, unsigned side, unsigned w) const {
    return converted(f, 2 + side, w) - converted(f, side, w);
  }
  GFS_DEVICE uint64_t converted(const Function &f, unsigned node, unsigned w) const {
    const unsigned offset = word[w].offset, shift = offset % 64, lane = offset / 64;
    uint64_t value = f.pad[lane / 2][2 * node + lane % 2] >> shift;
    if (shift + word[w].bits > 64)
      value |= f.pad[(lane + 1) / 2][2 * node + (lane + 1) % 2] << (64 - shift);
    return value;
  }

  /// Lines 7 to 9.
  GFS_DEVICE void correctValues(Function &f, uint64_t goRight, uint8_t *to) const {
    uint64_t correction[mostPayloadWords];
    for (unsigned w = 0; w < words; ++w) {
      const uint64_t left = difference(f, 0, w), right = difference(f, 1, w);
      const uint64_t lose = select(goRight, left, right), keep = select(goRight, right, left);
      correction[w] = negateIf(f.control[1], lose - f.value[w] + (f.payload[w] & goRight));
      f.value[w] += negateIf(f.control[1], correction[w]) - keep;
    }
    storeValues(correction, to);
  }

  /// Lines 5, 6 and 10 to 13.
  GFS_DEVICE void correctSeeds(Function &f, uint64_t goRight, uint8_t *to) const {
    const uint64_t left = f.child[0] ^ f.child[4], right = f.child[2] ^ f.child[6];
    const uint64_t controlLeft = (left ^ goRight ^ 1) & 1, controlRight = (right ^ goRight) & 1;
    const uint64_t low = (select(goRight, left, right) & ~uint64_t(3)),
                   high = select(goRight, f.child[1] ^ f.child[5], f.child[3] ^ f.child[7]);
    storeBytes(low | controlLeft | controlRight << 1, to, 8);
    storeBytes(high, to + 8, 8);
    const uint64_t controlKeep = select(goRight, controlRight, controlLeft);
    GFS_UNROLL
    for (unsigned server = 0; server < 2; ++server) {
      const uint64_t *sides = f.child + 4 * server;
      const uint64_t kept = select(goRight, sides[2], sides[0]), control = f.control[server];
      f.seed[server][0] = (kept ^ (low & control)) & ~uint64_t(3);
      f.seed[server][1] = select(goRight, sides[3], sides[1]) ^ (high & control);
      f.control[server] = uint64_t(0) - ((kept ^ (controlKeep & control)) & 1);
    }
  }

  /// Line 14; only the left nodes are used.
  GFS_DEVICE void finish(Function &f, const ComparisonRoundKeys &permutation, uint8_t *to) const {
    GFS_UNROLL
    for (unsigned n = 0; n < 4; ++n) {
      f.node[2 * n] = f.seed[n / 2][0];
      f.node[2 * n + 1] = f.seed[n / 2][1];
    }
    expandValues(f, permutation);
    uint64_t correction[mostPayloadWords];
    for (unsigned w = 0; w < words; ++w)
      correction[w] = negateIf(f.control[1], difference(f, 0, w) - f.value[w]);
    storeValues(correction, to);
  }

  /// A value correction: the words without gaps.
  GFS_DEVICE void storeValues(const uint64_t *values, uint8_t *to) const {
    uint64_t lanes[mostPayloadWords] = {};
    for (unsigned w = 0; w < words; ++w) {
      const unsigned bits = word[w].bits, shift = word[w].offset % 64, lane = word[w].offset / 64;
      const uint64_t value = values[w] & ~uint64_t(0) >> (64 - bits);
      lanes[lane] |= value << shift;
      if (shift + bits > 64)
        lanes[lane + 1] |= value >> (64 - shift);
    }
    for (unsigned bit = 0; bit < valueBits; bit += 64)
      storeBytes(lanes[bit / 64], to + bit / 8, (valueBits - bit + 7) / 8);
  }
  /// Up to eight bytes, little-endian; no alignment.
  static GFS_DEVICE void storeBytes(uint64_t value, uint8_t *to, unsigned count) {
    for (unsigned i = 0; i < count && i < 8; ++i)
      to[i] = static_cast<uint8_t>(value >> (8 * i));
  }
};

} // namespace gfs::cuda
