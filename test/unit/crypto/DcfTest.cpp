// SPDX-License-Identifier: Apache-2.0
// Comparison functions: both parties' shares sum to f, for every x and alpha of small domains and
// for the edges of large ones, with every AES implementation.
#include "runtime/crypto/Dcf.h"
#include "runtime/base/Error.h"
#include "runtime/crypto/Prg.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace gfs {
namespace {

template <class Word> std::vector<Word> randomWords(size_t n, uint64_t stream) {
  static const AesKey key(std::array<uint8_t, 16>{9, 8, 7});
  std::vector<Word> words(n);
  Prg(key, stream).fillWords(std::span(words));
  return words;
}

/// A dealt batch of functions.
struct Functions {
  Dcf dcf;
  std::vector<unsigned> payloadBits;
  std::vector<uint64_t> alpha, payload;
  std::vector<uint8_t> roots[2], keys;

  Functions(unsigned domainBits, std::vector<unsigned> bits, std::vector<uint64_t> alphas,
            const AesImplementation &aes)
      : dcf(domainBits, bits, aes), payloadBits(std::move(bits)), alpha(std::move(alphas)),
        payload(randomWords<uint64_t>(payloadBits.size() * alpha.size(), 1)),
        roots{randomWords<uint8_t>(16 * alpha.size(), 2),
              randomWords<uint8_t>(16 * alpha.size(), 3)},
        keys(dcf.keyBytes() * alpha.size()) {
    dcf.generate(roots[0], roots[1], alpha, payload, keys);
  }

  std::vector<uint64_t> share(Party party, const std::vector<uint64_t> &x) const {
    std::vector<uint64_t> out(dcf.words() * x.size());
    dcf.evaluate(party, roots[index(party)], keys, x, out);
    return out;
  }

  /// Fails unless the shares at x sum to the payload where x < alpha, and to zero elsewhere.
  void expectComparison(const std::vector<uint64_t> &x) const {
    auto shares0 = share(Party::Zero, x), shares1 = share(Party::One, x);
    for (unsigned j = 0; j < dcf.words(); ++j)
      for (size_t e = 0; e < x.size(); ++e) {
        size_t at = j * x.size() + e;
        uint64_t mask = ~uint64_t(0) >> (64 - payloadBits[j]);
        ASSERT_EQ((shares0[at] + shares1[at]) & mask, x[e] < alpha[e] ? payload[at] & mask : 0)
            << "x " << x[e] << ", alpha " << alpha[e] << ", word " << j;
        ASSERT_EQ(shares0[at] & ~mask, 0u) << "not reduced";
      }
  }
};

class DcfTest : public testing::TestWithParam<const AesImplementation *> {};

TEST_P(DcfTest, ComparesEveryPairOfSmallDomains) {
  for (unsigned n = 1; n <= 6; ++n) {
    std::vector<uint64_t> alpha, x;
    for (uint64_t a = 0; a < uint64_t(1) << n; ++a)
      for (uint64_t b = 0; b < uint64_t(1) << n; ++b) {
        alpha.push_back(a);
        x.push_back(b);
      }
    Functions(n, {32}, alpha, *GetParam()).expectComparison(x);
  }
}

TEST_P(DcfTest, ComparesAtRandomAndAtTheEdgesOfLargeDomains) {
  for (unsigned n : {16, 31, 62, 63}) {
    const uint64_t last = (uint64_t(1) << n) - 1;
    std::vector<uint64_t> alpha, x;
    for (uint64_t a : {uint64_t(0), uint64_t(1), last / 2, last / 2 + 1, last - 1, last})
      for (uint64_t b : {uint64_t(0), uint64_t(1), last / 2, last / 2 + 1, last - 1, last}) {
        alpha.push_back(a);
        x.push_back(b);
      }
    for (uint64_t a : randomWords<uint64_t>(120, n))
      for (uint64_t difference : {-1, 0, 1}) {
        alpha.push_back(a & last);
        x.push_back((a + difference) & last);
      }
    auto others = randomWords<uint64_t>(200, 100 + n);
    for (size_t i = 0; i + 1 < others.size(); i += 2) {
      alpha.push_back(others[i] & last);
      x.push_back(others[i + 1] & last);
    }
    Functions(n, {40, 1}, alpha, *GetParam()).expectComparison(x);
  }
}

// Words that start inside a byte, cross 64-bit lanes, fill lanes exactly, and need a second AES
// block.
TEST_P(DcfTest, CarriesEveryShapeOfPayload) {
  const std::vector<std::vector<unsigned>> shapes = {
      {1},         {7},          {64},         {1, 32, 13},      {64, 64},
      {3, 64, 61}, {64, 64, 64}, {1, 1, 1, 1}, {64, 64, 64, 64}, {5, 64, 64, 63}};
  for (const auto &bits : shapes)
    for (size_t count : {1, 63, 64, 65, 130}) {
      auto alpha = randomWords<uint64_t>(count, 5), x = randomWords<uint64_t>(count, 6);
      for (size_t e = 0; e < count; ++e) {
        alpha[e] &= 0xfff;
        x[e] &= 0xfff;
      }
      Functions(12, bits, alpha, *GetParam()).expectComparison(x);
    }
}

TEST_P(DcfTest, MakesTheKeysAndSharesOfThePortableImplementation) {
  auto alpha = randomWords<uint64_t>(100, 7), x = randomWords<uint64_t>(100, 8);
  for (uint64_t &a : alpha)
    a &= 0xffffff;
  Functions mine(24, {33, 64, 17}, alpha, *GetParam()),
      portable(24, {33, 64, 17}, alpha, *availableAes()[0]);
  EXPECT_EQ(mine.keys, portable.keys);
  EXPECT_EQ(mine.share(Party::One, x), portable.share(Party::One, x))
      << "bits of x above the domain are ignored";
}

INSTANTIATE_TEST_SUITE_P(All, DcfTest,
                         testing::ValuesIn(availableAes().begin(), availableAes().end()),
                         [](const auto &info) {
                           std::string name = info.param->name;
                           std::erase(name, '-');
                           return name;
                         });

// A party alone learns nothing from the corrections: they look uniform whatever alpha is. Counting
// set bits over many keys finds a correction that is not masked; 2^17 bits are within 5 standard
// deviations.
TEST(Dcf, CorrectionsAreBalanced) {
  for (uint64_t a : {uint64_t(0), uint64_t(0xffff)}) {
    Functions functions(16, {64}, std::vector<uint64_t>(256, a), bestAes());
    const size_t bytes = functions.dcf.keyBytes();
    ASSERT_EQ(bytes, 17 * 8 + 16 * 16u);
    size_t set = 0;
    for (uint8_t byte : functions.keys)
      set += static_cast<size_t>(std::popcount(byte));
    double total = 8.0 * static_cast<double>(functions.keys.size());
    EXPECT_NEAR(static_cast<double>(set), total / 2, 5 * std::sqrt(total) / 2);
  }
}

TEST(Dcf, StatesItsSize) {
  const unsigned bits[] = {1, 32, 13};
  Dcf dcf(32, bits);
  EXPECT_EQ(dcf.keyBytes(), 33 * 6 + 32 * 16u);
  EXPECT_EQ(dcf.aesBlocks(), 65u);
}

TEST(Dcf, RefusesImpossibleShapes) {
  const unsigned one[] = {32}, wide[] = {65};
  EXPECT_THROW(Dcf(0, one), Error);
  EXPECT_THROW(Dcf(64, one), Error);
  EXPECT_THROW(Dcf(8, wide), Error);
  EXPECT_THROW(Dcf(8, {}), Error);
}

} // namespace
} // namespace gfs
