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

constexpr uint32_t mostPhaseStride = 4; ///< In both directions. Longer ones are rare.

/// Convolutions with `stride` columns between neighbouring pixels.
template <class Simd, uint32_t stride> class PhaseRows {
  using Word = typename Simd::Word;
  using Vector = typename Simd::Vector;
  static constexpr int64_t lanes = Simd::lanes;
  static_assert(lanes - 1 <= int64_t(ConvGeometry::planeSlack));

  const ConvGeometry &geometry;
  int64_t inColumns, columns, pad; ///< Of the input, of a plane, left of the input.
  /// By column residue: from the first plane of a row residue to this one's; -1: it has none.
  ptrdiff_t planeOf[stride];
  size_t rowPlanes = 0;              ///< Elements of the planes of a row residue.
  int64_t firstRow[mostPhaseStride]; ///< By row residue in use: row 0 of its planes in the input.

public:
  explicit PhaseRows(const ConvGeometry &geometry)
      : geometry(geometry), inColumns(geometry.width.in), columns(geometry.width.planeSize()),
        pad(geometry.width.pad) {
    for (ptrdiff_t &plane : planeOf)
      plane = -1;
    for (uint32_t tap = 0; tap < geometry.width.phases(); ++tap) {
      planeOf[geometry.width.tapResidue(tap)] = ptrdiff_t(rowPlanes);
      rowPlanes += geometry.planeElements;
    }
    for (uint32_t tap = 0; tap < geometry.height.phases(); ++tap)
      firstRow[tap] = int64_t(geometry.height.tapResidue(tap)) - geometry.height.pad;
  }

  void fill(const Word *input, Word *out) const {
    const ConvAxis &height = geometry.height;
    const uint32_t rows = height.planeSize(), rowPhases = height.phases();
    const size_t channels = size_t(geometry.batch) * geometry.channels;
    for (size_t channel = 0; channel < channels; ++channel) {
      for (uint32_t phase = 0; phase < rowPhases; ++phase) {
        int64_t row = firstRow[phase];
        for (uint32_t y = 0; y < rows; ++y, row += height.stride)
          if (row >= 0 && row < int64_t(height.in))
            deal(input + row * inColumns, out + y * columns);
          else
            clear(out + y * columns);
        out += rowPlanes;
      }
      input += size_t(height.in) * inColumns;
    }
  }

private:
  /// Column x of residue r is column x * stride + r - pad of the input.
  void deal(const Word *row, Word *out) const {
    for (int64_t x = 0; x < columns; x += lanes) {
      Vector line[stride], residue[stride];
      int64_t column = x * int64_t(stride) - pad;
      for (Vector &v : line) {
        v = lineAt(row, column);
        column += lanes;
      }
      Simd::deinterleave(line, residue);
      store(out + x, residue);
    }
  }
  void clear(Word *out) const {
    Vector zeros[stride];
    for (Vector &v : zeros)
      v = Simd::zero();
    for (int64_t x = 0; x < columns; x += lanes)
      store(out + x, zeros);
  }
  Vector lineAt(const Word *row, int64_t column) const {
    if (column >= 0 && column + lanes <= inColumns)
      return Simd::load(row + column);
    if (column >= inColumns || column + lanes <= 0)
      return Simd::zero();
    // Lanes [-column, inColumns - column).
    const uint32_t all = (1u << lanes) - 1, from = column < 0 ? all << -column : all,
                   to = inColumns - column < lanes ? all >> (column + lanes - inColumns) : all;
    return Simd::loadMasked(Simd::zero(), from & to & all, row + column);
  }
  /// Whole vectors: lanes beyond the end of a row spoil the next ones, which are written later, or
  /// what lies behind the plane. Masked stores take AVX2 ten times as long.
  void store(Word *out, const Vector (&residue)[stride]) const {
    for (uint32_t r = 0; r < stride; ++r)
      if (planeOf[r] >= 0)
        Simd::store(out + planeOf[r], residue[r]);
  }
};

/// ConvGeometry::fillPhases() for a kernel with vectors.
template <class Simd>
void fillPhases(const ConvGeometry &geometry, const typename Simd::Word *input,
                typename Simd::Word *out) {
  if (geometry.height.stride <= mostPhaseStride)
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
