// SPDX-License-Identifier: Apache-2.0
// Comparison by one-hot chunks on a GPU: the steps of runtime/gates/CompareOneHot.cpp, where the
// formulas are, one thread per byte of a bit array. Which arrays are joined depends on the window's
// width alone; indices are chunks of the public X.
#pragma once

#include "runtime/kernels/cuda/Elements.h"
#include "runtime/plan/Limits.h"

namespace gfs::cuda {

using plan::oneHotChunkBits;

/// One chunk's share of the one-hot vectors, `positions` bits each, made ready for lookups: the
/// vector in the low half of a word, the XOR of all higher positions in the high one.
struct OneHotTablesTask {
  unsigned positions;
  Array<const uint32_t> packed;
  uint64_t elements;
  Array<uint32_t> tables;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const uint32_t oneHot = unpacked<uint32_t>(packed.of(member), positions, index);
    uint32_t parity = oneHot >> 1;
    parity ^= parity >> 1;
    parity ^= parity >> 2;
    parity ^= parity >> 4;
    parity ^= parity >> 8;
    tables.of(member)[index] = parity << 16 | oneHot;
  }
};

/// Shares of lt_c and eq_c of every chunk c: node arrays 2c and 2c + 1, one bit per element and
/// threshold. With `addsPublic` also XORs bit n of X into the selectors.
template <class Word> struct OneHotLookupTask {
  WindowShape window;
  unsigned ringBits, thresholds, chunks;
  bool addsPublic;
  Array<const Word> theta; ///< Thresholds; none: one of 0.
  Array<const Word> masked;
  Array<const uint32_t> tables; ///< Chunk after chunk.
  uint64_t elements;
  Array<uint8_t> nodes, selectors;

  uint64_t count() const { return thresholds * ((elements + 7) / 8); }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const uint64_t perThreshold = (elements + 7) / 8, arrayLength = thresholds * perThreshold;
    const uint64_t first = index % perThreshold * 8;
    const unsigned width = window.high - window.low;
    const Word centre = (Word(1) << window.high) -
                        (window.low ? static_cast<Word>(Word(1) << (window.low - 1)) : Word(0));
    const Word threshold = theta.exists() ? theta.of(member)[index / perThreshold] : Word(0);
    uint8_t *node = nodes.of(member) + index;
    for (unsigned c = 0; c < chunks; ++c, node += 2 * arrayLength) {
      const unsigned left = width - oneHotChunkBits * c;
      const Word last = lowBits<Word>(left < oneHotChunkBits ? left : oneHotChunkBits);
      unsigned less = 0, equal = 0;
      for (unsigned j = 0; j < 8 && first + j < elements; ++j) {
        const Word x = lifted(member, first + j, threshold, centre) >> window.low;
        const uint32_t bits = tables.of(member)[c * elements + first + j] >>
                              static_cast<unsigned>(x >> (oneHotChunkBits * c) & last);
        equal |= (bits & 1) << j;
        less |= (bits >> 16 & 1) << j;
      }
      node[0] = static_cast<uint8_t>(less);
      node[arrayLength] = static_cast<uint8_t>(equal);
    }
    if (!addsPublic)
      return;
    unsigned top = 0;
    for (unsigned j = 0; j < 8 && first + j < elements; ++j)
      top |= static_cast<unsigned>(lifted(member, first + j, threshold, centre) >> window.high & 1)
             << j;
    selectors.of(member)[index] ^= static_cast<uint8_t>(top);
  }

private:
  GFS_DEVICE Word lifted(Member member, uint64_t i, Word threshold, Word centre) const {
    return (masked.of(member)[i] - threshold + centre) & lowBits<Word>(ringBits);
  }
};

/// Hides the operands of one level's ANDs, in the order in which they are sent: of every pair eq of
/// the higher node, lt of the lower one and, but for the lowest pair, eq of the lower one.
struct HideOperandsTask {
  uint64_t pairs, arrayLength;
  Array<const uint8_t> nodes, operands; ///< `operands`: this level's.
  Array<uint8_t> sent, message;         ///< Both get the same.

  uint64_t count() const { return arrayLength; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const uint8_t *node = nodes.of(member) + index, *hiding = operands.of(member) + index;
    uint8_t *mine = sent.of(member) + index, *out = message.of(member) + index;
    uint64_t next = 0;
    auto hide = [&](uint64_t which) {
      const uint8_t hidden = node[which * arrayLength] ^ hiding[next];
      mine[next] = hidden;
      out[next] = hidden;
      next += arrayLength;
    };
    for (uint64_t pair = 0; pair < pairs; ++pair) {
      hide(4 * pair + 3);
      hide(4 * pair);
      if (pair > 0)
        hide(4 * pair + 1);
    }
  }
};

/// Joins the nodes of one level in place, with what both servers have sent.
struct JoinTask {
  uint64_t nodeCount, arrayLength;
  bool addsPublic;                                         ///< Server 0 adds p̂q̂.
  Array<const uint8_t> sent, received, operands, products; ///< The latter two: this level's.
  Array<uint8_t> nodes;

  uint64_t count() const { return arrayLength; }
  GFS_DEVICE void operator()(uint64_t index, Member member) const {
    const uint8_t *own = sent.of(member) + index, *peer = received.of(member) + index,
                  *hiding = operands.of(member) + index, *product = products.of(member) + index;
    uint8_t *node = nodes.of(member) + index;
    const uint8_t mine = addsPublic ? 0xff : 0;
    // [pq] = p̂q̂·1{i=0} ^ p̂[b] ^ q̂[a] ^ [ab], of arrays `high` and `low` among the opened ones.
    auto conjunction = [&](uint64_t high, uint64_t low) {
      const auto p = static_cast<uint8_t>(own[high * arrayLength] ^ peer[high * arrayLength]);
      const auto q = static_cast<uint8_t>(own[low * arrayLength] ^ peer[low * arrayLength]);
      const auto pq = static_cast<uint8_t>((p & ((q & mine) ^ hiding[low * arrayLength])) ^
                                           (q & hiding[high * arrayLength]) ^ *product);
      product += arrayLength;
      return pq;
    };
    const uint64_t pairs = nodeCount / 2;
    for (uint64_t pair = 0, high = 0; pair < pairs; high += pair == 0 ? 2 : 3, ++pair) {
      // Node `pair` is at or before the nodes it is made of; lt_h lies behind both its arrays.
      const uint8_t less = conjunction(high, high + 1) ^ node[(4 * pair + 2) * arrayLength];
      const uint8_t equal = pair > 0 ? conjunction(high, high + 2) : uint8_t(0);
      node[2 * pair * arrayLength] = less;
      if (pair > 0)
        node[(2 * pair + 1) * arrayLength] = equal;
    }
    if (nodeCount % 2 == 1) {
      node[2 * pairs * arrayLength] = node[2 * (nodeCount - 1) * arrayLength];
      node[(2 * pairs + 1) * arrayLength] = node[(2 * nodeCount - 1) * arrayLength];
    }
  }
};

} // namespace gfs::cuda
