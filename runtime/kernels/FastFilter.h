// SPDX-License-Identifier: Apache-2.0
// Filters of three taps with fewer multiplications than taps times outputs, exact in a ring:
//   y_i = sum over j < 3 of g_j d_{i+j}, i < outputs, from inputs d_0 .. d_{outputs+1},
// as  2^shift y = A' ((G g) * (B' d)),  * by elements, with integer matrices. Nested in both
// directions they filter tiles of the plane (NestedFilter.h, FastConv.h).
//
// A filter names outputs, points (products), shift, and transformSteps, what transforming takes for
// each point of a vector of tiles, in multiplications of vectors, inputs or products, whichever is
// more; taps() is G, inputs() is B', results() is A'. `Op` adds and subtracts vectors. Compiled
// once per instruction set: internal linkage only (see KernelVariants.h).
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
  static constexpr double transformSteps = 4;

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

/// Winograd's F(4, 3), 6 products for 12, at the points (x : y) = 0, 1, -1, 2, 1/2 and infinity:
/// twice the outputs come out, as above. Toom's and Cook's interpolation divides, for point p, by
/// the product over the other points q of x_p y_q - x_q y_p. These six are the six points of the
/// projective line mod 4, two of them in each class mod 2, so that one factor is twice an odd
/// number and the others are odd: the price is one bit in each direction, as for F(2, 3), where any
/// other choice of points costs more. The products are 2, 2, 18, 18, 18, 2; odd numbers have
/// inverses.
///   G = D [1 0 0; 1 1 1; 1 -1 1; 1 2 4; 4 2 1; 0 0 1],  D = diag(1, 1, 1/9, 1/9, 1/9, 1),
///   B' = [2 -5 0 5 -2 0; 0 -2 3 3 -2 0; 0 -2 7 -7 2 0; 0 1 -2 -1 2 0; 0 2 -1 -2 1 0; 0 -2 5 0 -5
///   2], A' = [1 1 1 1 8 0; 0 1 -1 2 4 0; 0 1 1 4 2 0; 0 1 -1 8 1 1].
struct LargeWinogradFilter {
  static constexpr uint32_t outputs = 4, points = 6, shift = 1;
  static constexpr double transformSteps = 7;

  template <class Word> static void taps(const Word (&g)[3], Word (&u)[6]) {
    constexpr Word ninth = static_cast<Word>(0x8e38e38e38e38e39); // 9 * ninth = 1 mod 2^w
    const Word even = g[0] + g[2];
    u[0] = g[0];
    u[1] = even + g[1];
    u[2] = ninth * (even - g[1]);
    u[3] = ninth * (g[0] + 2 * g[1] + 4 * g[2]);
    u[4] = ninth * (4 * g[0] + 2 * g[1] + g[2]);
    u[5] = g[2];
  }
  template <class Op, class Vector> static void inputs(const Vector (&d)[6], Vector (&v)[6]) {
    auto twice = [](Vector x) { return Op::add(x, x); };
    const Vector odd = Op::sub(d[1], d[3]), even = Op::sub(d[2], d[4]);
    const Vector twiceOdd = twice(odd), twiceEven = twice(even);
    v[0] = Op::sub(twice(Op::sub(Op::sub(d[0], d[4]), twiceOdd)), odd);
    v[3] = Op::sub(odd, twiceEven);
    v[4] = Op::sub(twiceOdd, even);
    v[5] = Op::add(twice(Op::add(Op::sub(d[5], d[1]), twiceEven)), even);
    const Vector sum = Op::add(d[2], d[3]), outerSum = Op::add(d[1], d[4]);
    v[1] = Op::add(twice(Op::sub(sum, outerSum)), sum);
    const Vector difference = Op::sub(d[2], d[3]), outer = Op::sub(d[1], d[4]);
    v[2] = Op::sub(twice(Op::sub(twice(twice(difference)), outer)), difference);
  }
  template <class Op, class Vector> static void results(const Vector (&m)[6], Vector (&y)[4]) {
    auto twice = [](Vector x) { return Op::add(x, x); };
    const Vector sum = Op::add(m[1], m[2]), difference = Op::sub(m[1], m[2]);
    const Vector twice3 = twice(m[3]), twice4 = twice(m[4]);
    y[0] = Op::add(Op::add(m[0], sum), Op::add(m[3], twice(twice(twice4))));
    y[1] = Op::add(difference, twice(Op::add(m[3], twice4)));
    y[2] = Op::add(sum, twice(Op::add(twice3, m[4])));
    y[3] = Op::add(Op::add(difference, m[5]), Op::add(m[4], twice(twice(twice3))));
  }
};

/// F(3, 3) with 6 products for 9: Karatsuba's product of two polynomials of three terms,
///   a_i b_i and (a_i + a_j)(b_i + b_j), i < j,
/// transposed. Nothing is divided, so no bit of the ring is lost.
struct KaratsubaFilter {
  static constexpr uint32_t outputs = 3, points = 6, shift = 0;
  static constexpr double transformSteps = 4;

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

/// Calls visit<Filter>() for the filter of least cost<Filter>(); false if none costs less than
/// `without`.
template <class Cost, class Visit>
bool visitCheapestFilter(double without, const Cost &cost, const Visit &visit) {
  const double winograd = cost.template operator()<WinogradFilter>(),
               large = cost.template operator()<LargeWinogradFilter>(),
               karatsuba = cost.template operator()<KaratsubaFilter>();
  auto isLeast = [=](double c) {
    return c < without && c <= winograd && c <= large && c <= karatsuba;
  };
  if (isLeast(large))
    visit.template operator()<LargeWinogradFilter>();
  else if (isLeast(winograd))
    visit.template operator()<WinogradFilter>();
  else if (isLeast(karatsuba))
    visit.template operator()<KaratsubaFilter>();
  else
    return false;
  return true;
}

} // namespace
} // namespace gfs
