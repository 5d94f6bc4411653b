// SPDX-License-Identifier: Apache-2.0
// The non-linear gates' online loops over a masked value ẑ, written once and compiled for each
// instruction set (see KernelVariants.h for the rules). The formulas are those of
// runtime/gates/{Rescale.h,Relu.cpp,Square.cpp}.
#pragma once

#include "runtime/kernels/Elementwise.h"

namespace gfs {
namespace {

template <class Word, class Packer> struct RescaleLoops {
  /// Per-call constants, and per element: P, and t as a mask.
  struct Public {
    Word ringMask, centre, offset, addPublic;
    unsigned topShift, shift;

    Public(RescaleShape shape, bool addsPublic)
        : ringMask(lowMask<Word>(shape.ringBits)), centre(Word(1) << (shape.ringBits - 2)),
          offset(Word(1) << (shape.ringBits - 2 - shape.shift)),
          addPublic(addsPublic ? ~Word(0) : Word(0)), topShift(shape.ringBits - 1),
          shift(shape.shift) {}

    Word lift(Word masked) const { return (masked + centre) & ringMask; }
    Word part(Word lifted) const { return (lifted >> shift) - offset; }
    Word topSet(Word lifted) const { return Word(0) - (lifted >> topShift); }
    /// bit * 2^{l-f}; two shifts, because one by a whole word is undefined.
    Word wrap(Word bit) const { return bit << (topShift - shift) << 1; }
  };

  // [y] = P + [V_0] - t 2^{l-f} [u].
  static void truncate(RescaleShape shape, bool addsPublic, const Word *masked,
                       const TruncateShares<Word> &shares, size_t n, Word *__restrict out) {
    const Public z(shape, addsPublic);
    const auto [v, u] = shares;
    for (size_t i = 0; i < n; ++i) {
      const Word lifted = z.lift(masked[i]);
      out[i] = (z.part(lifted) & z.addPublic) + v[i] - (z.wrap(u[i]) & z.topSet(lifted));
    }
  }

  // [y] = P^2 + 2 P [V_t] + [V_t^2], with V_t = V_1 + (1-t) 2^{l-f} u and V_t^2 = V_1^2 + (1-t)
  // 2^{l-f} q.
  static void square(RescaleShape shape, bool addsPublic, const Word *masked,
                     const SquareShares<Word> &shares, size_t n, Word *__restrict out) {
    const Public z(shape, addsPublic);
    const auto [v, vv, u, q] = shares;
    for (size_t i = 0; i < n; ++i) {
      const Word lifted = z.lift(masked[i]), p = z.part(lifted), topClear = ~z.topSet(lifted);
      const Word vt = v[i] + (z.wrap(u[i]) & topClear);
      out[i] = p * ((p & z.addPublic) + 2 * vt) + vv[i] + (z.wrap(q[i]) & topClear);
    }
  }

  // [y] = g (P + [V_t]) + (1-2g) (P [rho] + [rho V_t]), with V_t = V_0 - t 2^{l-f} u, and the same
  // for rho V_t.
  static void reluSelect(RescaleShape shape, bool addsPublic, const Word *masked, const uint8_t *g,
                         const ReluShares<Word> &shares, size_t n, Word *__restrict out) {
    constexpr size_t blockWords = 512;
    const Public z(shape, addsPublic);
    Word bits[blockWords];
    for (size_t first = 0; first < n; first += blockWords) {
      const size_t count = n - first < blockWords ? n - first : blockWords;
      Packer::unpack(1, g + first / 8, count, bits);
      const Word *rho = shares.rho + first, *v = shares.v + first, *rhoV = shares.rhoV + first,
                 *u = shares.u + first, *rhoU = shares.rhoU + first;
      for (size_t i = 0; i < count; ++i) {
        const Word lifted = z.lift(masked[first + i]), p = z.part(lifted),
                   topSet = z.topSet(lifted);
        const Word vt = v[i] - (z.wrap(u[i]) & topSet);
        const Word product = p * rho[i] + rhoV[i] - (z.wrap(rhoU[i]) & topSet);
        const Word keep = Word(0) - bits[i]; // g as a mask; (x ^ keep) - keep = (1-2g) x
        out[first + i] = ((product ^ keep) - keep) + (((p & z.addPublic) + vt) & keep);
      }
    }
  }
};

/// Every kernel as a loop, with the variant's packing and convolution; a variant replaces what it
/// does better.
template <class Word, class Packer>
constexpr RingKernels<Word> loopKernels(decltype(RingKernels<Word>::conv) conv) {
  using Loops = Elementwise<Word, Packer>;
  using Rescales = RescaleLoops<Word, Packer>;
  return {.conv = conv,
          .packedWeightBytes = nullptr,
          .packWeights = nullptr,
          .convPacked = nullptr,
          .releaseWeights = nullptr,
          .add = Loops::add,
          .sub = Loops::sub,
          .scale = Loops::scale,
          .reduce = Loops::reduce,
          .pack = Packer::pack,
          .unpack = Packer::unpack,
          .maskAndPack = Loops::maskAndPack,
          .unpackAndAdd = Loops::unpackAndAdd,
          .tableLookup = Loops::tableLookup,
          .oneHotLookup = Loops::oneHotLookup,
          .truncate = Rescales::truncate,
          .square = Rescales::square,
          .reluSelect = Rescales::reluSelect};
}

} // namespace
} // namespace gfs
