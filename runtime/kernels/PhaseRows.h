// SPDX-License-Identifier: Apache-2.0
// The phase image of ConvGeometry.h, filled with vectors: a row of the input is read once, and its
// elements are dealt out to the planes of all column residues. Lanes beyond a border are zeros that
// a masked load brings, so that no part of a row is a case of its own.
//
// Compiled once per instruction set: internal linkage only (see KernelVariants.h).
#pragma once

#include "runtime/kernels/ConvGeometry.h"

namespace gfs {
namespace {

/// Convolutions with `stride` columns between neighbouring pixels.
template <class Simd, uint32_t stride> class PhaseRows {
  using Word = typename Simd::Word;
  using Vector = typename Simd::Vector;
  static constexpr int64_t lanes = Simd::lanes;

  const ConvGeometry &geometry;
  int64_t inColumns, columns, pad; ///< Of the input, of a plane, left of the input.
  ptrdiff_t planeOf[stride];       ///< By residue: which plane of a row residue; -1: none.
  ptrdiff_t planes = 0;            ///< Of a row residue.

public:
  explicit PhaseRows(const ConvGeometry &geometry)
      : geometry(geometry), inColumns(geometry.width.in), columns(geometry.width.planeSize()),
        pad(geometry.width.pad) {
    for (ptrdiff_t &plane : planeOf)
      plane = -1;
    for (uint32_t tap = 0; tap < geometry.width.kernel; ++tap)
      if (geometry.width.isFirstUse(tap))
        planeOf[geometry.width.tapResidue(tap)] = planes++;
  }

  void fill(const Word *input, Word *out) const {
    const ConvAxis &height = geometry.height;
    const size_t inPlane = size_t(height.in) * geometry.width.in;
    for (size_t plane = 0; plane < size_t(geometry.batch) * geometry.channels; ++plane)
      for (uint32_t tap = 0; tap < height.kernel; ++tap) {
        if (!height.isFirstUse(tap))
          continue;
        int64_t row = int64_t(height.tapResidue(tap)) - height.pad;
        for (uint32_t y = 0; y < height.planeSize(); ++y, row += height.stride)
          if (row >= 0 && row < int64_t(height.in))
            deal(input + plane * inPlane + row * inColumns, out + y * columns);
          else
            clear(out + y * columns);
        out += size_t(planes) * geometry.planeElements;
      }
  }

private:
  /// Lanes [0, count).
  static uint32_t first(int64_t count) {
    return count <= 0 ? 0 : count >= lanes ? (1u << lanes) - 1 : (1u << count) - 1;
  }

  /// Column x of residue r is column x * stride + r - pad of the input.
  void deal(const Word *row, Word *out) const {
    for (int64_t x = 0; x < columns; x += lanes) {
      Vector line[stride], residue[stride];
      int64_t column = x * int64_t(stride) - pad;
      for (Vector &v : line) {
        v = Simd::loadMasked(Simd::zero(), first(inColumns - column) & ~first(-column),
                             row + column);
        column += lanes;
      }
      Simd::deinterleave(line, residue);
      for (uint32_t r = 0; r < stride; ++r)
        store(out, planeOf[r], x, residue[r]);
    }
  }
  void clear(Word *out) const {
    for (int64_t x = 0; x < columns; x += lanes)
      for (ptrdiff_t plane = 0; plane < planes; ++plane)
        store(out, plane, x, Simd::zero());
  }
  void store(Word *out, ptrdiff_t plane, int64_t x, Vector v) const {
    if (plane >= 0)
      Simd::storeMasked(out + plane * ptrdiff_t(geometry.planeElements) + x, first(columns - x), v);
  }
};

/// ConvGeometry::fillPhases() for a kernel with vectors; with PhaseRows if its Simd says dealsRows.
template <class Simd>
void fillPhases(const ConvGeometry &geometry, const typename Simd::Word *input,
                typename Simd::Word *out) {
  if constexpr (Simd::dealsRows)
    switch (geometry.width.stride) {
    case 1:
      return PhaseRows<Simd, 1>(geometry).fill(input, out);
    case 2:
      return PhaseRows<Simd, 2>(geometry).fill(input, out);
    case 3:
      return PhaseRows<Simd, 3>(geometry).fill(input, out);
    case 4:
      return PhaseRows<Simd, 4>(geometry).fill(input, out);
    }
  geometry.fillPhases(input, out);
}

} // namespace
} // namespace gfs
