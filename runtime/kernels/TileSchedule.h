// SPDX-License-Identifier: Apache-2.0
// In which order the limb products of a step of a matrix product are computed when there are eight
// tile registers.
//
// With x = sum_i x_i 2^{8i} and w = sum_j w_j 2^{8j}, the product mod 2^l is sum_d 2^{8d} S_d over
// the diagonals d = i + j < ceil(l / 8), S_d = sum_{i+j=d} x_i w_j. One register accumulates one
// diagonal of one block of pixels; the others hold limbs of x and w. A unit starts a product every
// 16 cycles but takes 52 until its sum can be added to: few diagonals are therefore multiplied for
// several blocks at once, and the order is greedy: what needs the fewest loads, then whose sum has
// rested longest. All of it happens in the compiler.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include <cstdint>

namespace gfs {
namespace {

/// Either loads limb `limb` of w, or of x of block `block`, into register `tile`, or adds the
/// product of registers `tile` (w) and `pixels` (x) to register `sum`.
struct TileStep {
  bool isLoad, isWeight;
  uint8_t block, limb, tile, pixels, sum;
};

/// The steps for diagonals first..last of numbers of `limbs` limbs, for `blocks` blocks of pixels.
/// Accumulators are registers 0, 1, …, by block, then diagonal.
template <unsigned limbs, unsigned first, unsigned last, unsigned blocks> struct TileSchedule {
  static constexpr unsigned diagonals = last - first + 1, sums = blocks * diagonals,
                            operands = 8 - sums;
  static_assert(first <= last && last < limbs && sums <= 6);

  TileStep steps[3 * blocks * limbs * limbs]{};
  unsigned count = 0, loads = 0, products = 0;

  constexpr TileSchedule() {
    Product all[blocks * limbs * limbs]{};
    for (uint8_t block = 0; block < blocks; ++block)
      for (uint8_t i = 0; i < limbs; ++i)
        for (uint8_t j = 0; j < limbs; ++j)
          if (i + j >= first && i + j <= last)
            all[products++] = {block, i, j, false};
    Slot slots[operands]{};
    unsigned lastUse[sums]{}; // number of the product behind the sum's last one
    for (unsigned done = 0; done < products; ++done) {
      Product &p = all[cheapest(all, slots, lastUse, done)];
      p.done = true;
      const unsigned w = fetch(slots, {true, true, 0, p.j}, all, operands),
                     x = fetch(slots, {true, false, p.block, p.i}, all, w);
      steps[count++] = {false,
                        false,
                        p.block,
                        0,
                        static_cast<uint8_t>(sums + w),
                        static_cast<uint8_t>(sums + x),
                        static_cast<uint8_t>(sumOf(p))};
      lastUse[sumOf(p)] = done + 1;
    }
  }

private:
  struct Product {
    uint8_t block, i, j;
    bool done;
  };
  struct Slot {
    bool used = false, isWeight = false;
    uint8_t block = 0, limb = 0;

    constexpr bool holds(const Slot &other) const {
      return used && isWeight == other.isWeight && block == other.block && limb == other.limb;
    }
    constexpr bool serves(const Product &p) const {
      return isWeight ? limb == p.j : block == p.block && limb == p.i;
    }
  };

  static constexpr unsigned sumOf(const Product &p) {
    return p.block * diagonals + p.i + p.j - first;
  }

  constexpr unsigned cheapest(const Product *all, const Slot (&slots)[operands],
                              const unsigned *lastUse, unsigned done) const {
    unsigned best = 0, bestCost = ~0u;
    for (unsigned p = 0; p < products; ++p) {
      if (all[p].done)
        continue;
      bool hasX = false, hasW = false;
      for (const Slot &slot : slots)
        if (slot.used && slot.serves(all[p]))
          (slot.isWeight ? hasW : hasX) = true;
      const unsigned sum = sumOf(all[p]),
                     rest = lastUse[sum] ? done + 1 - lastUse[sum] : 3; // 3: as long as it takes
      unsigned left = 0; // products that the sum still waits for: long chains first
      for (unsigned q = 0; q < products; ++q)
        left += !all[q].done && sumOf(all[q]) == sum;
      const unsigned cost =
          1000 * (2 - hasX - hasW) + 100 * (3 - (rest < 3 ? rest : 3)) + (limbs - left);
      if (cost < bestCost) {
        best = p;
        bestCost = cost;
      }
    }
    return best;
  }

  /// The slot that holds the limb, after loading it if need be: into the one with the fewest
  /// products to come; never `kept`.
  constexpr unsigned fetch(Slot (&slots)[operands], const Slot &wanted, const Product *all,
                           unsigned kept) {
    unsigned victim = operands, least = ~0u;
    for (unsigned s = 0; s < operands; ++s) {
      if (slots[s].holds(wanted))
        return s;
      unsigned uses = 0;
      for (unsigned p = 0; p < products && slots[s].used; ++p)
        uses += !all[p].done && slots[s].serves(all[p]);
      if (s != kept && uses < least) {
        least = uses;
        victim = s;
      }
    }
    slots[victim] = wanted;
    steps[count++] = {
        true, wanted.isWeight, wanted.block, wanted.limb, static_cast<uint8_t>(sums + victim), 0,
        0};
    ++loads;
    return victim;
  }
};

} // namespace
} // namespace gfs
