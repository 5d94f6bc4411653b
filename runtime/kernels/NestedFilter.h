// SPDX-License-Identifier: Apache-2.0
// A filter of FastFilter.h in both directions: of a tile of (m + 2) x (m + 2) inputs d and 3 x 3
// taps g the m x m outputs
//   4^shift Y = A' ((G g G') * (B' d B)) A,   * by elements.
// Each transform goes over columns, then over rows. Compiled once per instruction set: internal
// linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/FastFilter.h"

namespace gfs {
namespace {

template <class Filter> struct NestedFilter {
  static constexpr uint32_t outputs = Filter::outputs; ///< Of a tile, in each direction.
  static constexpr uint32_t inputs = outputs + 2;
  static constexpr uint32_t side = Filter::points, points = side * side; ///< Of a transformed tile.

  /// u = G g G', row by row.
  template <class Word> static void transformTaps(const Word *g, Word (&u)[points]) {
    Word half[3][side]; // G g by columns
    for (uint32_t j = 0; j < 3; ++j)
      Filter::taps({g[j], g[3 + j], g[6 + j]}, half[j]);
    for (uint32_t i = 0; i < side; ++i) {
      Word row[side];
      Filter::taps({half[0][i], half[1][i], half[2][i]}, row);
      for (uint32_t j = 0; j < side; ++j)
        u[i * side + j] = row[j];
    }
  }

  /// B' d B: `load(i, j)` is d_ij of a vector of tiles; `store(point, v)` takes the points in
  /// order.
  template <class Simd, class Load, class Store>
  [[gnu::always_inline]] static void transformInputs(const Load &load, const Store &store) {
    using Vector = typename Simd::Vector;
    Vector half[side][inputs]; // B' d
    for (uint32_t j = 0; j < inputs; ++j) {
      Vector d[inputs], column[side];
      for (uint32_t i = 0; i < inputs; ++i)
        d[i] = load(i, j);
      Filter::template inputs<Simd>(d, column);
      for (uint32_t i = 0; i < side; ++i)
        half[i][j] = column[i];
    }
    for (uint32_t i = 0; i < side; ++i) {
      Vector row[side];
      Filter::template inputs<Simd>(half[i], row);
      for (uint32_t j = 0; j < side; ++j)
        store(i * side + j, row[j]);
    }
  }

  /// Y = A' M A / 4^shift: `load(point)` is one of M; `store(row, y)` takes a row of outputs.
  template <class Simd, class Load, class Store>
  [[gnu::always_inline]] static void transformProducts(const Load &load, const Store &store) {
    using Vector = typename Simd::Vector;
    Vector half[outputs][side]; // A' M
    for (uint32_t j = 0; j < side; ++j) {
      Vector m[side], column[outputs];
      for (uint32_t i = 0; i < side; ++i)
        m[i] = load(side * i + j);
      Filter::template results<Simd>(m, column);
      for (uint32_t i = 0; i < outputs; ++i)
        half[i][j] = column[i];
    }
    for (uint32_t i = 0; i < outputs; ++i) {
      Vector y[outputs];
      Filter::template results<Simd>(half[i], y);
      if constexpr (Filter::shift > 0)
        for (Vector &value : y)
          value = Simd::template shiftRight<2 * Filter::shift>(value);
      store(i, y);
    }
  }
};

} // namespace
} // namespace gfs
