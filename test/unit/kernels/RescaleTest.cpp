// SPDX-License-Identifier: Apache-2.0
// The online loops of Truncate, Square and Relu: for any material, the two servers' results follow
// the gates' formulas, word by word. (That the formulas compute v, v² and D·v is for the gates'
// tests.)
#include "test/unit/cuda/EmulatedDevice.h"
#include "test/unit/kernels/KernelTest.h"

#include "runtime/base/Ring.h"

namespace gfs {
namespace {

using RescaleTest = KernelTest;

/// One element's public values, from their definitions.
template <class Word> struct PublicPart {
  Word p, t, wrap;
  PublicPart(RescaleShape shape, Word masked) {
    const unsigned l = shape.ringBits;
    const Word lifted = (masked + (Word(1) << (l - 2))) & Ring{l}.mask<Word>();
    p = (lifted >> shape.shift) - (Word(1) << (l - 2 - shape.shift));
    t = lifted >> (l - 1);
    wrap = shape.shift == 0 ? 0 : Word(1) << (l - shape.shift); // 2^l = 0
  }
};

template <class Word, class Check> void forEachShape(Check check) {
  const unsigned most = 8 * sizeof(Word);
  for (unsigned bits : {16u, 23u, most - 1, most})
    for (unsigned shift : {0u, 1u, 8u, 13u})
      for (size_t n : {0, 1, 7, 8, 64, 511, 512, 1030})
        for (bool addsPublic : {true, false}) {
          auto masked = makeWords<Word>(n, Pattern::Random, n);
          for (Word &word : masked)
            word &= Ring{bits}.mask<Word>();
          check(RescaleShape{bits, shift}, n, addsPublic, masked);
        }
}

/// Results are compared mod 2^ringBits: more a share does not promise.
template <class Word>
void expectShares(RescaleShape shape, const std::vector<Word> &got,
                  const std::vector<Word> &expected) {
  const Word mask = Ring{shape.ringBits}.mask<Word>();
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_EQ(got[i] & mask, expected[i] & mask)
        << shape.ringBits << " bits, shift " << shape.shift << ", " << i;
}

template <class Word> void testTruncate(const RingKernels<Word> &kernels) {
  forEachShape<Word>([&](RescaleShape shape, size_t n, bool addsPublic, const auto &masked) {
    auto v = makeWords<Word>(n, Pattern::Random, 11), u = makeWords<Word>(n, Pattern::Random, 12);
    std::vector<Word> out(n), expected(n);
    for (size_t i = 0; i < n; ++i) {
      PublicPart<Word> z(shape, masked[i]);
      expected[i] = z.p * addsPublic + v[i] - z.t * z.wrap * u[i];
    }
    kernels.truncate(shape, addsPublic, masked.data(), {v.data(), u.data()}, n, out.data());
    expectShares(shape, out, expected);
  });
}

template <class Word> void testSquare(const RingKernels<Word> &kernels) {
  forEachShape<Word>([&](RescaleShape shape, size_t n, bool addsPublic, const auto &masked) {
    auto v = makeWords<Word>(n, Pattern::Random, 13), vv = makeWords<Word>(n, Pattern::Random, 14);
    auto u = makeWords<Word>(n, Pattern::Random, 15), q = makeWords<Word>(n, Pattern::Random, 16);
    std::vector<Word> out(n), expected(n);
    for (size_t i = 0; i < n; ++i) {
      PublicPart<Word> z(shape, masked[i]);
      Word vt = v[i] + (1 - z.t) * z.wrap * u[i], vvt = vv[i] + (1 - z.t) * z.wrap * q[i];
      expected[i] = z.p * z.p * addsPublic + 2 * z.p * vt + vvt;
    }
    kernels.square(shape, addsPublic, masked.data(), {v.data(), vv.data(), u.data(), q.data()}, n,
                   out.data());
    expectShares(shape, out, expected);
  });
}

template <class Word> void testRelu(const RingKernels<Word> &kernels) {
  forEachShape<Word>([&](RescaleShape shape, size_t n, bool addsPublic, const auto &masked) {
    auto g = makeWords<uint8_t>((n + 7) / 8, Pattern::Random, 17);
    auto rho = makeWords<Word>(n, Pattern::Random, 18), v = makeWords<Word>(n, Pattern::Random, 19);
    auto rhoV = makeWords<Word>(n, Pattern::Random, 20),
         u = makeWords<Word>(n, Pattern::Random, 21);
    auto rhoU = makeWords<Word>(n, Pattern::Random, 22);
    std::vector<Word> out(n), expected(n);
    for (size_t i = 0; i < n; ++i) {
      PublicPart<Word> z(shape, masked[i]);
      Word bit = g[i / 8] >> (i % 8) & 1, vt = v[i] - z.t * z.wrap * u[i];
      Word rhoVt = rhoV[i] - z.t * z.wrap * rhoU[i];
      expected[i] = bit * (z.p * addsPublic + vt) + (1 - 2 * bit) * (z.p * rho[i] + rhoVt);
    }
    kernels.reluSelect(shape, addsPublic, masked.data(), g.data(),
                       {rho.data(), v.data(), rhoV.data(), u.data(), rhoU.data()}, n, out.data());
    expectShares(shape, out, expected);
  });
}

TEST_P(RescaleTest, Truncates32) { testTruncate(kernels<uint32_t>()); }
TEST_P(RescaleTest, Truncates64) { testTruncate(kernels<uint64_t>()); }
TEST_P(RescaleTest, Squares32) { testSquare(kernels<uint32_t>()); }
TEST_P(RescaleTest, Squares64) { testSquare(kernels<uint64_t>()); }
TEST_P(RescaleTest, SelectsRelu32) { testRelu(kernels<uint32_t>()); }
TEST_P(RescaleTest, SelectsRelu64) { testRelu(kernels<uint64_t>()); }

INSTANTIATE_TEST_SUITE_P(All, RescaleTest, everyVariant(), variantName);
INSTANTIATE_TEST_SUITE_P(EmulatedCuda, RescaleTest, testing::ValuesIn(emulatedCudaEverything()),
                         variantName);

} // namespace
} // namespace gfs
