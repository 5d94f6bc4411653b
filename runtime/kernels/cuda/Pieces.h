// SPDX-License-Identifier: Apache-2.0
// Piecewise polynomials on a GPU: the last phase of runtime/gates/{Spline,Selection}, where the
// formulas are, one thread per element.
#pragma once

#include "runtime/kernels/cuda/Elements.h"

namespace gfs::cuda {

/// y = p_0(v) + sum over j of D_j (p_j - p_{j-1})(v), from shares of the terms w = (1, V_1, u,
/// V_1², q), the first `terms` of them, and of e_j w, where D_j = g_j ^ e_j.
template <class Word> struct PiecesTask {
  static constexpr unsigned mostTerms = 5;
  RescaleShape shape;
  bool addsPublic;
  unsigned thresholds, terms;
  Array<const Word> coefficients; ///< Three for each piece: p_0, p_1 - p_0, …
  Array<const Word> masked;
  Array<const uint8_t> g; ///< Opened bits, by threshold; none: bit n of X, with `window`.
  WindowShape window;
  Array<const Word> theta;  ///< Where g is none: thresholds; none: one of 0.
  Array<const Word> ones;   ///< [w_k] for k >= 1, `wordBytes` apart.
  Array<const Word> hidden; ///< [e_j w_k] at (j * hiddenPitch + k); pitch 0: the same for all j.
  unsigned hiddenPitch;
  Array<const Word> keyed; ///< What comparison keys add to it at (j * terms + k), if anything …
  unsigned keyedTerms;     ///< … for terms k whose bit is set.
  uint64_t wordBytes;      ///< From one array to the next.
  uint64_t elements;
  Array<Word> out;

  uint64_t count() const { return elements; }
  GFS_DEVICE void operator()(uint64_t i, Member member) const {
    const Word value = masked.of(member)[i];
    const PublicPart<Word> z(shape, value);
    const Word *piece = coefficients.of(member);
    Word one[mostTerms] = {addsPublic ? Word(1) : Word(0)};
    for (unsigned k = 1; k < terms; ++k)
      one[k] = word(ones, k - 1, i, member);
    Word sum = polynomial(z, piece, one);
    for (unsigned j = 0; j < thresholds; ++j) {
      piece += 3;
      const Word keep = Word(0) - decided(value, j, i, member);
      Word row[mostTerms] = {};
      for (unsigned k = 0; k < terms; ++k) {
        Word e = word(hidden, j * hiddenPitch + k, i, member);
        if (keyedTerms >> k & 1)
          e += word(keyed, j * terms + k, i, member);
        row[k] = ((e ^ keep) - keep) + (one[k] & keep); // g ? w - e w : e w
      }
      sum += polynomial(z, piece, row);
    }
    out.of(member)[i] = sum;
  }

private:
  GFS_DEVICE Word word(const Array<const Word> &arrays, uint64_t which, uint64_t i,
                       Member member) const {
    return reinterpret_cast<const Word *>(reinterpret_cast<const uint8_t *>(arrays.of(member)) +
                                          which * wordBytes)[i];
  }

  /// g_j.
  GFS_DEVICE Word decided(Word value, unsigned j, uint64_t i, Member member) const {
    if (g.exists())
      return static_cast<Word>(g.of(member)[j * ((elements + 7) / 8) + i / 8] >> (i % 8) & 1);
    const Word centre = (Word(1) << window.high) -
                        (window.low ? static_cast<Word>(Word(1) << (window.low - 1)) : Word(0));
    const Word at = theta.exists() ? theta.of(member)[j] : Word(0);
    return (value - at + centre) >> window.high & 1;
  }

  /// c0 D + c1 D v + c2 D v² from shares of D w.
  GFS_DEVICE Word polynomial(const PublicPart<Word> &z, const Word *c, const Word *d) const {
    Word sum = c[0] * d[0];
    if (terms > 1) {
      const Word vt = d[1] + (z.wrap(d[2]) & ~z.topSet);
      sum += c[1] * (z.part * d[0] + vt);
      if (terms > 3) {
        const Word vvt = d[3] + (z.wrap(d[4]) & ~z.topSet);
        sum += c[2] * (z.part * (z.part * d[0] + 2 * vt) + vvt);
      }
    }
    return sum;
  }
};

} // namespace gfs::cuda
