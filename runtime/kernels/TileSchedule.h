// SPDX-License-Identifier: Apache-2.0
// In which order the limb products of one block of a matrix product are computed when there are
// eight tile registers.
//
// With x = sum_i x_i 2^{8i} and w = sum_j w_j 2^{8j}, the product mod 2^l is sum_d 2^{8d} S_d over
// the diagonals d = i + j < ceil(l / 8), S_d = sum_{i+j=d} x_i w_j. One register accumulates one
// diagonal; the others hold limbs of x and w, and each limb is loaded when first needed and put out
// for another if its next use is the furthest away (Belady). All of it happens in the compiler.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include <cstdint>

namespace gfs {
namespace {

/// Either loads limb `limb` of x or w into register `a`, or adds the product of registers `a` (x)
/// and `b` (w) to register `sum`.
struct TileStep {
  bool isLoad, isWeight;
  uint8_t limb, a, b, sum;
};

/// The steps for diagonals first..last of numbers of `limbs` limbs. Accumulators are registers 0,
/// 1, …, last - first.
template <unsigned limbs, unsigned first, unsigned last> struct TileSchedule {
  static constexpr unsigned sums = last - first + 1, operands = 8 - sums;
  static_assert(first <= last && last < limbs && operands >= 2);

  TileStep steps[3 * limbs * limbs]{};
  unsigned count = 0, loads = 0, products = 0;

  constexpr TileSchedule() {
    // Products by limbs of x, limbs of w in alternating direction: neighbours share an operand.
    uint8_t x[limbs * limbs]{}, w[limbs * limbs]{};
    for (unsigned i = 0; i < limbs; ++i)
      for (unsigned k = 0; k < limbs; ++k) {
        const unsigned j = i % 2 ? limbs - 1 - k : k;
        if (i + j < first || i + j > last)
          continue;
        x[products] = static_cast<uint8_t>(i);
        w[products++] = static_cast<uint8_t>(j);
      }
    Slot slots[operands]{};
    for (unsigned p = 0; p < products; ++p) {
      const unsigned a = fetch(slots, false, x[p], p, x, w, operands);
      const unsigned b = fetch(slots, true, w[p], p, x, w, a);
      steps[count++] = {false,
                        false,
                        0,
                        static_cast<uint8_t>(sums + a),
                        static_cast<uint8_t>(sums + b),
                        static_cast<uint8_t>(x[p] + w[p] - first)};
    }
  }

private:
  struct Slot {
    bool used = false, isWeight = false;
    uint8_t limb = 0;
  };

  /// First product from `from` on that needs the slot's limb; `products` if none does.
  constexpr unsigned nextUse(const Slot &slot, unsigned from, const uint8_t *x,
                             const uint8_t *w) const {
    for (unsigned p = from; p < products; ++p)
      if ((slot.isWeight ? w[p] : x[p]) == slot.limb)
        return p;
    return products;
  }

  /// The slot that holds the limb, after loading it if need be; never replaces `kept`.
  constexpr unsigned fetch(Slot (&slots)[operands], bool isWeight, uint8_t limb, unsigned product,
                           const uint8_t *x, const uint8_t *w, unsigned kept) {
    unsigned victim = operands, furthest = 0;
    for (unsigned s = 0; s < operands; ++s) {
      if (slots[s].used && slots[s].isWeight == isWeight && slots[s].limb == limb)
        return s;
      // The other operand of this very product counts as needed now.
      const unsigned next = slots[s].used ? nextUse(slots[s], product, x, w) + 1 : products + 2;
      if (s != kept && next > furthest) {
        furthest = next;
        victim = s;
      }
    }
    slots[victim] = {true, isWeight, limb};
    steps[count++] = {true, isWeight, limb, static_cast<uint8_t>(sums + victim), 0, 0};
    ++loads;
    return victim;
  }
};

} // namespace
} // namespace gfs
