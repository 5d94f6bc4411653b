// SPDX-License-Identifier: Apache-2.0
// How a matrix of weights is cut into tiles of bytes.
//
// A *step* is 64 consecutive taps of the sum over a row. A tile of weights is 16 rows of one step,
// one limb; a tile of activations one step of 16 pixels, one limb.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/TileTransforms.h"

namespace gfs {
namespace {

/// Limbs of words of which `bits` count: what tiles have products for.
template <class Word> constexpr unsigned limbsOf(uint32_t bits) {
  constexpr unsigned least = sizeof(Word) == 4 ? 2 : 5, greatest = sizeof(Word);
  const unsigned limbs = (bits + 7) / 8;
  return limbs < least ? least : limbs > greatest ? greatest : limbs;
}

/// Accumulators have 32 bits. Of words of which `bits` count, diagonal d counts mod 2^{bits-8d}, so
/// where bits - 8d <= 32 it may overflow; where not, S_d < 64 steps (d + 1) 255² must stay below
/// 2^32. So many steps at a time.
template <class Word> constexpr size_t exactSteps(uint32_t ringBits) {
  const unsigned bits = ringBits < 8 * sizeof(Word) ? ringBits : 8 * sizeof(Word);
  const size_t exactDiagonals = bits <= 32 ? 0 : (bits - 32 + 7) / 8; // d with 8 d + 32 < bits
  return exactDiagonals == 0 ? SIZE_MAX : 0xffffffffu / (255u * 255u * tileDepth * exactDiagonals);
}

/// A matrix [rows][depth] as tiles: [block of 16 rows][step][limb][16 rows][64 taps], zero beyond
/// the last row and tap.
struct TileLayout {
  TileLayout(size_t rows, size_t depth, unsigned limbs)
      : rows(rows), depth(depth), limbs(limbs), steps((depth + tileDepth - 1) / tileDepth),
        blocks((rows + tileRows - 1) / tileRows) {}

  size_t stepBytes() const { return limbs * tileBytes; }
  size_t blockBytes() const { return steps * stepBytes(); }
  size_t bytes() const { return blocks * blockBytes(); }

  template <class Word> void pack(const Word *matrix, uint8_t *out) const {
    for (size_t row = 0; row < blocks * tileRows; ++row)
      packRow(row < rows ? matrix + row * depth : nullptr, row % tileRows,
              out + row / tileRows * blockBytes());
  }
  /// One row of a block whose tiles begin at `out`; null: zeros.
  template <class Word> void packRow(const Word *taps, size_t row, uint8_t *out) const {
    out += row * tileDepth;
    for (size_t first = 0; first < depth; first += tileDepth, out += stepBytes()) {
      const size_t left = depth - first, count = left < tileDepth ? left : tileDepth;
      limbRows(limbs, taps ? taps + first : nullptr, taps ? count : 0, out);
    }
  }

  /// offsets[steps]: those of activations that lie as weights do.
  void stepOffsets(size_t *offsets) const {
    for (size_t s = 0; s < steps; ++s)
      offsets[s] = s * stepBytes();
  }

  size_t rows, depth;
  unsigned limbs;
  size_t steps, blocks;
};

/// Steps of words that are multiplied between two folds. Few, where blocks of pixels share the
/// weights and folding is cheap: these then stay in a third of a first cache of 48 kB.
template <class Word>
size_t stepsTogether(const TileLayout &layout, uint32_t ringBits, bool sharesWeights) {
  constexpr size_t chunkBytes = size_t(16) << 10;
  const size_t wanted = sizeof(Word) == 4 && sharesWeights ? chunkBytes / layout.stepBytes()
                                                           : exactSteps<Word>(ringBits),
               most = wanted < layout.steps ? wanted : layout.steps,
               chunks = (layout.steps + most - 1) / most;
  return (layout.steps + chunks - 1) / chunks;
}

} // namespace
} // namespace gfs
