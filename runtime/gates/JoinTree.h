// SPDX-License-Identifier: Apache-2.0
// How the chunks of a one-hot comparison are joined (see CompareOneHot.cpp); not for use outside
// this folder.
#pragma once

#include "runtime/plan/Plan.h"

namespace gfs {

/// The tree over the chunks: level k joins nodes 2j (lower) and 2j + 1 (higher) of its n_k nodes;
/// an odd last node moves up unchanged. A pair opens eq_h, lt_l and eq_l, the lowest pair only the
/// first two.
class JoinTree {
public:
  explicit JoinTree(unsigned windowBits)
      : levels(plan::oneHotLevels(windowBits)), chunks(plan::oneHotChunks(windowBits)) {}

  size_t nodes(unsigned level) const { return (chunks + (size_t(1) << level) - 1) >> level; }
  size_t pairs(unsigned level) const { return nodes(level) / 2; }
  size_t opened(unsigned level) const { return 3 * pairs(level) - 1; }
  size_t products(unsigned level) const { return 2 * pairs(level) - 1; }
  /// Of all levels below `level`.
  size_t openedBelow(unsigned level) const { return sumBelow(level, &JoinTree::opened); }
  size_t productsBelow(unsigned level) const { return sumBelow(level, &JoinTree::products); }
  static size_t firstOpened(size_t pair) { return pair == 0 ? 0 : 3 * pair - 1; }
  static size_t firstProduct(size_t pair) { return pair == 0 ? 0 : 2 * pair - 1; }

  const unsigned levels;

private:
  size_t sumBelow(unsigned level, size_t (JoinTree::*count)(unsigned) const) const {
    size_t sum = 0;
    for (unsigned k = 0; k < level; ++k)
      sum += (this->*count)(k);
    return sum;
  }
  size_t chunks;
};

} // namespace gfs
