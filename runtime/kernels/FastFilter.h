// SPDX-License-Identifier: Apache-2.0
// Filters of three taps with fewer multiplications than taps times outputs, exact in a ring:
//   y_i = sum over j < 3 of g_j d_{i+j}, i < outputs, from inputs d_0 .. d_{outputs+1},
// as  2^shift y = A' ((G g) * (B' d)),  * by elements, with integer matrices. Nested in both
// directions they filter tiles of the plane (FastConv.h).
//
// A filter names outputs, points (products) and shift; taps() is G, inputs() is B', results() is
// A'. `Op` adds and subtracts vectors. Compiled once per instruction set: internal linkage only
// (see KernelVariants.h).
#pragma once

#include <cstdint>

namespace gfs {
namespace {

/// Winograd's F(2, 3), 4 products for 6, without the halves of its G: twice the outputs come out.
///   B' = [1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1],  G = [1 0 0; 1 1 1; 1 -1 1; 0 0 1],
///   A' = [2 1 1 0; 0 1 -1 -2].
/// One half is impossible mod 2^w, but half of an even number is not, at the price of the top bit.
struct WinogradFilter {
  static constexpr uint32_t outputs = 2, points = 4, shift = 1;

  template <class Word> static void taps(const Word (&g)[3], Word (&u)[4]) {
    u[0] = g[0];
    u[1] = g[0] + g[1] + g[2];
    u[2] = g[0] - g[1] + g[2];
    u[3] = g[2];
  }
  template <class Op, class Vector> static void inputs(const Vector (&d)[4], Vector (&v)[4]) {
    v[0] = Op::sub(d[0], d[2]);
    v[1] = Op::add(d[1], d[2]);
    v[2] = Op::sub(d[2], d[1]);
    v[3] = Op::sub(d[1], d[3]);
  }
  template <class Op, class Vector> static void results(const Vector (&m)[4], Vector (&y)[2]) {
    y[0] = Op::add(Op::add(Op::add(m[0], m[0]), m[1]), m[2]);
    y[1] = Op::sub(Op::sub(m[1], m[2]), Op::add(m[3], m[3]));
  }
};

/// F(3, 3) with 6 products for 9: Karatsuba's product of two polynomials of three terms,
///   a_i b_i and (a_i + a_j)(b_i + b_j), i < j,
/// transposed. Nothing is divided, so no bit of the ring is lost.
struct KaratsubaFilter {
  static constexpr uint32_t outputs = 3, points = 6, shift = 0;

  template <class Word> static void taps(const Word (&g)[3], Word (&u)[6]) {
    u[0] = g[0];
    u[1] = g[1];
    u[2] = g[2];
    u[3] = g[0] + g[1];
    u[4] = g[0] + g[2];
    u[5] = g[1] + g[2];
  }
  template <class Op, class Vector> static void inputs(const Vector (&d)[5], Vector (&v)[6]) {
    v[0] = Op::sub(d[0], Op::add(d[1], d[2]));
    v[1] = Op::sub(d[2], Op::add(d[1], d[3]));
    v[2] = Op::sub(d[4], Op::add(d[2], d[3]));
    v[3] = d[1];
    v[4] = d[2];
    v[5] = d[3];
  }
  template <class Op, class Vector> static void results(const Vector (&m)[6], Vector (&y)[3]) {
    y[0] = Op::add(m[0], Op::add(m[3], m[4]));
    y[1] = Op::add(m[1], Op::add(m[3], m[5]));
    y[2] = Op::add(m[2], Op::add(m[4], m[5]));
  }
};

} // namespace
} // namespace gfs
