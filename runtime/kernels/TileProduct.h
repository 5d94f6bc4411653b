// SPDX-License-Identifier: Apache-2.0
// The product of blocks of 16 output channels with blocks of 16 pixels, in the order of
// TileSchedule.h:
//   sum over taps of w x = sum_d 2^{8d} S_d mod 2^l.
// The unit leaves the S_d in memory, and vector instructions fold them. Folding one product is done
// between the steps of the next one, where it takes little time.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/TileLayout.h"
#include "runtime/kernels/TileSchedule.h"

namespace gfs {
namespace {

template <class Word> using TileSums = Word[tileRows][tileRows]; ///< [channel][pixel]

/// 16 pixels.
template <class Word> struct TileBlock {
  const uint8_t *tiles; ///< Their activations: [limb] at each step's offset.
  TileSums<Word> *sums; ///< Over the taps done so far.
};

/// The blocks of a panel, at most `most` of `blocks` but always one: panels of about one size.
inline size_t blocksTogether(size_t blocks, size_t most) {
  const size_t panels = most < 1 ? blocks : (blocks + most - 1) / most;
  return (blocks + panels - 1) / panels;
}

/// Work on one product that is done a little at a time between the blocks of the next one: items
/// of a range, in order.
template <class Work> class Backlog {
public:
  /// work(item) does one item.
  Backlog(size_t atATime, const Work &work) : atATime(atATime), work(work) {}
  /// Takes [first, last) on, after doing what is left.
  void take(size_t first, size_t last) {
    finish();
    next = first;
    end = last;
  }
  void some() {
    for (size_t i = 0; i < atATime && next < end; ++i)
      work(next++);
  }
  void finish() {
    while (next < end)
      work(next++);
  }

private:
  const size_t atATime;
  const Work work;
  size_t next = 0, end = 0;
};

template <class Word, class Tiles> class TileProduct {
  using Vector = PixelVector<Word>;
  using Block = TileBlock<Word>;
  static constexpr unsigned lanes = Vector::lanes, vectors = Vector::count;
  static constexpr size_t mostLines = 16; ///< Of cache, fetched ahead in a step.

public:
  /// Before the first product of words of so many limbs.
  void begin(unsigned limbsOfWords) {
    limbs = limbsOfWords;
    pending.count = 0;
  }

  /// Multiplies `count` blocks by `steps` steps of a block of channels, whose activations lie at
  /// `offsets` in every block and whose weights behind one another at `w`; their sums begin
  /// (`isFirst`) or go on. After each block does some of the backlog, in time that the unit leaves.
  /// A sum is there when the next block is done; the last, after finish().
  template <class Work>
  void multiply(const Block *blocks, size_t count, const uint8_t *w, const size_t *offsets,
                size_t steps, bool isFirst, Backlog<Work> &backlog) {
    visitLimbs([&]<unsigned ofWord, unsigned together>() {
      multiplyAll<ofWord, together>(blocks, count, w, offsets, steps, isFirst, backlog);
    });
  }

  /// After the last product: folds it.
  void finish() {
    visitLimbs([&]<unsigned ofWord, unsigned>() {
      foldRows<lastPass<ofWord>, ofWord - 1>(0, pending.count * tileRows);
    });
    pending.count = 0;
  }

private:
  /// A product whose S_d lie in `products`, [block][diagonal].
  struct Pending {
    TileSums<Word> *sums[3]; ///< By block.
    unsigned count;          ///< Of blocks; none: there is nothing to fold.
    bool isFirst;
  };

  /// The first diagonal of the last pass over the tiles. With sums for more than six diagonals, too
  /// few registers would be left for operands.
  template <unsigned limbs> static constexpr unsigned lastPass = limbs <= 6 ? 0 : 4;

  /// Calls visit<limbs, blocks multiplied together>().
  template <class Visit> void visitLimbs(const Visit &visit) const {
    if constexpr (sizeof(Word) == 4) {
      if (limbs == 2)
        visit.template operator()<2, 3>();
      else if (limbs == 3)
        visit.template operator()<3, 2>();
      else
        visit.template operator()<4, 1>();
    } else if (limbs == 5) {
      visit.template operator()<5, 1>();
    } else if (limbs == 6) {
      visit.template operator()<6, 1>();
    } else if (limbs == 7) {
      visit.template operator()<7, 1>();
    } else {
      visit.template operator()<8, 1>();
    }
  }

  template <unsigned ofWord, unsigned together, class Work>
  void multiplyAll(const Block *blocks, size_t count, const uint8_t *w, const size_t *offsets,
                   size_t steps, bool isFirst, Backlog<Work> &backlog) {
    constexpr size_t stepBytes = ofWord * tileBytes;
    ahead = w + steps * stepBytes;
    const size_t groups = (count + together - 1) / together;
    aheadLines = steps * stepBytes / 64 / groups;
    for (size_t b = 0; b < count; b += together) {
      const unsigned some = count - b < together ? unsigned(count - b) : together;
      const uint8_t *x[together];
      for (unsigned i = 0; i < together; ++i) // beyond the last block it is done again
        x[i] = blocks[b + (i < some ? i : 0)].tiles;
      constexpr unsigned last = ofWord - 1, split = lastPass<ofWord>;
      if constexpr (split > 0) {
        pass<ofWord, 0, split - 1, split, last, together>(x, w, offsets, steps);
        defer(blocks + b, some, isFirst);
        pass<ofWord, split, last, 0, split - 1, together>(x, w, offsets, steps);
        defer(blocks + b, some, false);
      } else {
        pass<ofWord, 0, last, 0, last, together>(x, w, offsets, steps);
        defer(blocks + b, some, isFirst);
      }
      backlog.some();
    }
  }

  void defer(const Block *blocks, unsigned count, bool isFirst) {
    for (unsigned i = 0; i < count; ++i)
      pending.sums[i] = blocks[i].sums;
    pending.count = count;
    pending.isFirst = isFirst;
  }

  /// Diagonals from..to of `steps` steps. Before they are stored, what is pending is folded:
  /// diagonals foldFrom..foldTo.
  template <unsigned ofWord, unsigned from, unsigned to, unsigned foldFrom, unsigned foldTo,
            unsigned blocks>
  void pass(const uint8_t *const (&x)[blocks], const uint8_t *w, const size_t *offsets,
            size_t steps) {
    static constexpr TileSchedule<ofWord, from, to, blocks> schedule;
    constexpr size_t stepBytes = ofWord * tileBytes;
    const size_t rows = pending.count * tileRows;
    size_t lines = (aheadLines + steps - 1) / steps;
    if (lines > mostLines) // the processor's own fetching ahead does better then
      lines = 0;
    zeroTiles<0, schedule.sums>();
    for (size_t s = 0; s < steps; ++s, w += stepBytes) {
      for (size_t line = 0; line < lines; ++line, ahead += 64)
        _mm_prefetch(ahead, _MM_HINT_T1);
      const uint8_t *at[blocks];
      for (unsigned b = 0; b < blocks; ++b)
        at[b] = x[b] + offsets[s];
      step<schedule, 0>(at, w);
      foldRows<foldFrom, foldTo>(rows * s / steps, rows * (s + 1) / steps);
    }
    storeTiles<0, schedule.sums>(products);
  }

  template <const auto &schedule, unsigned at, unsigned blocks>
  [[gnu::always_inline]] static void step(const uint8_t *const (&x)[blocks], const uint8_t *w) {
    if constexpr (at < schedule.count) {
      constexpr TileStep s = schedule.steps[at];
      if constexpr (!s.isLoad)
        Tiles::template multiply<s.sum, s.tile, s.pixels>();
      else if constexpr (s.isWeight)
        Tiles::template load<s.tile>(w + s.limb * tileBytes, tileDepth);
      else
        Tiles::template load<s.tile>(x[s.block] + s.limb * tileBytes, tileDepth);
      step<schedule, at + 1>(x, w);
    }
  }

  template <unsigned at, unsigned end> static void zeroTiles() {
    if constexpr (at < end) {
      Tiles::template zero<at>();
      zeroTiles<at + 1, end>();
    }
  }

  template <unsigned at, unsigned end>
  static void storeTiles(uint32_t (&to)[6][tileRows * tileRows]) {
    if constexpr (at < end) {
      Tiles::template store<at>(to[at], tileDepth);
      storeTiles<at + 1, end>(to);
    }
  }

  /// Rows [row, end) of the pending product, of all blocks behind one another.
  template <unsigned from, unsigned to> void foldRows(size_t row, size_t end) {
    while (row < end) {
      const size_t block = row / tileRows, first = row % tileRows,
                   count = end - row < tileRows - first ? end - row : tileRows - first;
      foldRows<from, to>(*pending.sums[block], products + block * (to - from + 1), first,
                         first + count);
      row += count;
    }
  }

  template <unsigned from, unsigned to>
  void foldRows(TileSums<Word> &sums, const uint32_t (*diagonals)[tileRows * tileRows], size_t row,
                size_t end) const {
    for (; row < end; ++row)
      for (unsigned v = 0; v < vectors; ++v) {
        Word *sum = sums[row] + v * lanes;
        __m512i total = pending.isFirst ? _mm512_setzero_si512() : _mm512_load_si512(sum);
        addDiagonals<from, from, to>(total, diagonals, row * tileRows + v * lanes);
        _mm512_store_si512(sum, total);
      }
  }

  template <unsigned d, unsigned from, unsigned to>
  [[gnu::always_inline]] static void
  addDiagonals(__m512i &total, const uint32_t (*diagonals)[tileRows * tileRows], size_t at) {
    if constexpr (d <= to) {
      total = Vector::add(total, Vector::template diagonal<d>(diagonals[d - from] + at));
      addDiagonals<d + 1, from, to>(total, diagonals, at);
    }
  }

  unsigned limbs;
  Pending pending;
  const uint8_t *ahead; ///< Weights to be read later, and how much of them to fetch in a pass.
  size_t aheadLines;
  alignas(64) uint32_t products[6][tileRows * tileRows]; ///< S_d as 16 channels x 16 pixels.
};

} // namespace
} // namespace gfs
