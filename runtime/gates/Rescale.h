// SPDX-License-Identifier: Apache-2.0
// Truncation of a masked value without interaction, and signs read off a window: the formulas that
// gates share.
#pragma once

#include "runtime/base/Ring.h"
#include "runtime/kernels/Kernels.h"

namespace gfs {

/// z >> f from ẑ = z + s, for |z| < 2^{l-2}. All words reduced.
///
/// Let ẑ' = ẑ + 2^{l-2}, so that z' = z + 2^{l-2} lies in [0, 2^{l-1}). The sum z' + s wraps past
/// 2^l exactly if u = MSB(s) is 1 and t = MSB(ẑ') is 0. Hence, with S = s >> f and
/// P = (ẑ' >> f) - 2^{l-2-f},
///   floor((z + (s mod 2^f)) / 2^f) = P + V_t,  V_t = u(1-t) 2^{l-f} - S  (mod 2^l).
/// P and t are public; S and u belong to the mask. As s mod 2^f is uniform, the rounding is
/// stochastic and unbiased.
template <class Word> class Rescale {
public:
  Rescale(Ring ring, unsigned shift)
      : ringBits(ring.bits), shift(shift), ringMask(ring.mask<Word>()),
        centre(Word(1) << (ring.bits - 2)), offset(Word(1) << (ring.bits - 2 - shift)) {}

  /// Shares of u need this many bits: they only meet 2^{l-f}.
  unsigned bits() const { return shift; }

  // From the masked value.
  Word lift(Word masked) const { return (masked + centre) & ringMask; }     ///< ẑ'
  Word top(Word lifted) const { return lifted >> (ringBits - 1); }          ///< t
  Word publicPart(Word lifted) const { return (lifted >> shift) - offset; } ///< P

  // From the mask.
  Word carry(Word s) const { return s >> (ringBits - 1); } ///< u
  Word quotient(Word s) const { return s >> shift; }       ///< S
  /// bit * 2^{l-f}; two shifts, because one by a whole word is undefined.
  Word wrap(Word bit) const { return bit << (ringBits - 1 - shift) << 1; }
  Word ifTopClear(Word s) const { return wrap(carry(s)) - quotient(s); } ///< V_0
  Word ifTopSet(Word s) const { return Word(0) - quotient(s); }          ///< V_1
  /// V_t^2 = V_1^2 + (1-t) q 2^{l-f}, with q = u (2 V_1 + 2^{l-f}).
  Word square(Word s) const { return ifTopSet(s) * ifTopSet(s); }                 ///< V_1^2
  Word crossTerm(Word s) const { return carry(s) * (2 * ifTopSet(s) + wrap(1)); } ///< q

  /// What both servers get together, for any z (reduced).
  Word together(Word masked, Word s) const {
    Word lifted = lift(masked);
    return (publicPart(lifted) + wrap(carry(s) & ~top(lifted)) - quotient(s)) & ringMask;
  }

private:
  unsigned ringBits, shift;
  Word ringMask, centre, offset;
};

/// 1{z >= theta} from bits [low, high) of ẑ = z + s; see WindowShape. With
/// X = (ẑ - theta + centre) >> low and Sk = s >> low,
///   D = bit_n(X) ^ bit_n(Sk) ^ 1{X mod 2^n < Sk mod 2^n},
/// which is bit n of X - Sk.
template <class Word> class SignBits {
public:
  SignBits(Ring ring, WindowShape window)
      : window(window), ringMask(ring.mask<Word>()), lift(static_cast<Word>(window.centre())),
        indexMask((Word(1) << window.bits()) - 1) {}

  /// X
  Word index(Word masked, Word theta) const {
    return ((masked - theta + lift) & ringMask) >> window.low;
  }
  Word publicBit(Word x) const { return x >> window.bits() & 1; }      ///< bit_n(X)
  Word low(Word x) const { return x & indexMask; }                     ///< X mod 2^n
  Word maskIndex(Word s) const { return s >> window.low & indexMask; } ///< Sk mod 2^n
  Word maskBit(Word s) const { return s >> window.high & 1; }          ///< bit_n(Sk)
  Word together(Word masked, Word theta, Word s) const {
    return publicBit(index(masked, theta) - (s >> window.low));
  }

private:
  WindowShape window;
  Word ringMask, lift, indexMask;
};

} // namespace gfs
