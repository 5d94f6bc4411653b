// SPDX-License-Identifier: Apache-2.0
// Element-wise kernels against their definitions: every width, odd counts, no byte read or written
// too far.
#include "test/unit/cuda/EmulatedDevice.h"
#include "test/unit/kernels/KernelTest.h"

#include "runtime/base/Ring.h"

#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

namespace gfs {
namespace {

using ElementwiseTest = KernelTest;

constexpr size_t counts[] = {0,  1,  2,  7,   8,   9,   15,  16,  17,  31,
                             63, 64, 65, 127, 200, 511, 512, 513, 1100};

template <class Word>
std::vector<uint8_t> referencePack(unsigned bits, const std::vector<Word> &words) {
  std::vector<uint8_t> bytes(packedBytes(words.size(), bits));
  for (size_t bit = 0; bit < words.size() * bits; ++bit)
    bytes[bit / 8] |= static_cast<uint8_t>((words[bit / bits] >> (bit % bits) & 1) << (bit % 8));
  return bytes;
}

template <class Word> std::vector<Word> reduced(std::vector<Word> words, unsigned bits) {
  for (Word &word : words)
    word &= Ring{bits}.mask<Word>();
  return words;
}

/// Bytes that end where readable memory ends: reading one byte too far stops the test.
class GuardedBytes {
public:
  explicit GuardedBytes(const std::vector<uint8_t> &bytes) {
    size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    length = (bytes.size() + page - 1) / page * page + page;
    base = static_cast<uint8_t *>(
        mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base + length - page, page, PROT_NONE);
    first = base + length - page - bytes.size();
    std::copy(bytes.begin(), bytes.end(), first);
  }
  ~GuardedBytes() { munmap(base, length); }
  GuardedBytes(const GuardedBytes &) = delete;
  GuardedBytes &operator=(const GuardedBytes &) = delete;
  uint8_t *data() { return first; }

private:
  uint8_t *base, *first;
  size_t length;
};

template <class Word> void testPacking(const RingKernels<Word> &kernels) {
  for (unsigned bits = 1; bits <= 8 * sizeof(Word); ++bits)
    for (size_t n : counts)
      for (Pattern pattern : {Pattern::Random, Pattern::Ones}) {
        auto words = makeWords<Word>(n, pattern, bits * 1000 + n);
        auto expected = referencePack(bits, words);
        GuardedBytes packed(std::vector<uint8_t>(expected.size(), 0xcc));
        kernels.pack(bits, words.data(), n, packed.data());
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(), packed.data()))
            << bits << " bits, " << n;
        std::vector<Word> back(n + 1, Word(0x5a));
        kernels.unpack(bits, packed.data(), n, back.data());
        ASSERT_EQ(back.back(), Word(0x5a)) << "wrote past the end";
        back.pop_back();
        ASSERT_EQ(back, reduced(words, bits)) << bits << " bits, " << n;
      }
}

TEST_P(ElementwiseTest, PacksAndUnpacksEveryWidth32) { testPacking(kernels<uint32_t>()); }
TEST_P(ElementwiseTest, PacksAndUnpacksEveryWidth64) { testPacking(kernels<uint64_t>()); }

template <class Word> void testOpening(const RingKernels<Word> &kernels) {
  for (unsigned ring = 16; ring <= 8 * sizeof(Word); ++ring)
    for (unsigned dropped : {0u, 1u, 7u, ring - 3})
      for (size_t n : counts) {
        const OpenedBits bits{ring, dropped};
        const auto rounding = static_cast<Word>(n % 2 ? bits.rounding() : 0);
        auto share = makeWords<Word>(n, Pattern::Random, 1),
             maskShare = makeWords<Word>(n, Pattern::Ones, 2);
        auto theirs = makeWords<Word>(n, Pattern::Random, 3);
        std::vector<Word> ours(n), opened(n);
        for (size_t i = 0; i < n; ++i) {
          ours[i] = static_cast<Word>(share[i] + maskShare[i] + rounding) >> dropped;
          opened[i] = (static_cast<Word>(ours[i] + theirs[i]) << dropped) + Word(bits.middle());
        }
        auto expected = referencePack(bits.sent(), ours);
        GuardedBytes message(std::vector<uint8_t>(expected.size(), 0xcc));
        kernels.maskAndPack(bits, rounding, share.data(), maskShare.data(), n, message.data());
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(), message.data()))
            << ring << " bits without " << dropped << ", " << n;
        GuardedBytes peer(referencePack(bits.sent(), theirs));
        std::vector<Word> together(n);
        kernels.unpackAndAdd(bits, message.data(), peer.data(), n, together.data());
        ASSERT_EQ(together, reduced(opened, ring))
            << ring << " bits without " << dropped << ", " << n;
      }
}

TEST_P(ElementwiseTest, OpensEveryRing32) { testOpening(kernels<uint32_t>()); }
TEST_P(ElementwiseTest, OpensEveryRing64) { testOpening(kernels<uint64_t>()); }

template <class Word> void testOneHotLookup(const RingKernels<Word> &kernels) {
  for (unsigned bits = 1; bits <= 4; ++bits)
    for (unsigned low : {0u, 4u, 11u})
      for (size_t n : counts) {
        auto index = makeWords<Word>(n, Pattern::Random, 31),
             words = makeWords<Word>(n, Pattern::Random, 32);
        for (Word &word : words)
          word &= (Word(1) << (1u << bits)) - 1;
        std::vector<uint8_t> expectedLess((n + 7) / 8), expectedEqual((n + 7) / 8);
        for (size_t i = 0; i < n; ++i) {
          const auto x = static_cast<unsigned>(index[i] >> low & ((1u << bits) - 1));
          unsigned above = 0;
          for (unsigned j = x + 1; j < 1u << bits; ++j)
            above ^= static_cast<unsigned>(words[i] >> j & 1);
          expectedEqual[i / 8] |= static_cast<uint8_t>((words[i] >> x & 1) << i % 8);
          expectedLess[i / 8] |= static_cast<uint8_t>(above << i % 8);
        }
        GuardedBytes less(std::vector<uint8_t>((n + 7) / 8, 0xcc)),
            equal(std::vector<uint8_t>((n + 7) / 8, 0xcc));
        std::vector<uint8_t> packed((n * (size_t(1) << bits) + 7) / 8);
        kernels.pack(1u << bits, words.data(), n, packed.data());
        GuardedBytes oneHot(packed);
        kernels.oneHotLookup(low, bits, index.data(), oneHot.data(), n, less.data(), equal.data());
        ASSERT_TRUE(std::equal(expectedLess.begin(), expectedLess.end(), less.data()))
            << bits << " bits, " << n;
        ASSERT_TRUE(std::equal(expectedEqual.begin(), expectedEqual.end(), equal.data()))
            << bits << " bits, " << n;
      }
}

TEST_P(ElementwiseTest, LooksUpOneHotVectors32) { testOneHotLookup(kernels<uint32_t>()); }
TEST_P(ElementwiseTest, LooksUpOneHotVectors64) { testOneHotLookup(kernels<uint64_t>()); }

template <class Word> void testArithmetic(const RingKernels<Word> &kernels) {
  for (size_t n : counts)
    for (Pattern pattern : allPatterns) {
      auto a = makeWords<Word>(n, pattern, 4), b = makeWords<Word>(n, Pattern::Random, 5);
      const Word factor = static_cast<Word>(0x9e3779b97f4a7c15u);
      std::vector<Word> sum(n), difference(n), product(n), out(n);
      for (size_t i = 0; i < n; ++i) {
        sum[i] = a[i] + b[i];
        difference[i] = a[i] - b[i];
        product[i] = a[i] * factor;
      }
      kernels.add(a.data(), b.data(), out.data(), n);
      ASSERT_EQ(out, sum);
      kernels.sub(a.data(), b.data(), out.data(), n);
      ASSERT_EQ(out, difference);
      kernels.scale(a.data(), factor, out.data(), n);
      ASSERT_EQ(out, product);
      kernels.reduce(21, out.data(), n);
      ASSERT_EQ(out, reduced(product, 21));
      kernels.reduce(8 * sizeof(Word), product.data(), n);
      ASSERT_EQ(reduced(product, 21), out) << "a full ring keeps every bit";
      kernels.add(a.data(), b.data(), a.data(), n);
      ASSERT_EQ(a, sum) << "in place";
    }
}

TEST_P(ElementwiseTest, AddsSubtractsScalesAndReduces32) { testArithmetic(kernels<uint32_t>()); }
TEST_P(ElementwiseTest, AddsSubtractsScalesAndReduces64) { testArithmetic(kernels<uint64_t>()); }

template <class Word> void testLookup(const RingKernels<Word> &kernels) {
  for (unsigned bits = 0; bits <= 9; ++bits)
    for (unsigned low : {0u, 3u, 8 * unsigned(sizeof(Word)) - 1 - bits})
      for (size_t n : counts) {
        const size_t tableBytes = std::max(size_t(1), (size_t(1) << bits) / 8);
        auto masked = makeWords<Word>(n, Pattern::Random, 6);
        GuardedBytes tables(makeWords<uint8_t>(n * tableBytes, Pattern::Random, 7));
        std::vector<uint8_t> expected((n + 7) / 8), out((n + 7) / 8 + 1, 0xcc);
        for (size_t i = 0; i < n; ++i) {
          auto lifted = static_cast<Word>(masked[i] + WindowShape{low, low + bits}.centre());
          size_t index = lifted >> low & ((size_t(1) << bits) - 1);
          unsigned bit = tables.data()[i * tableBytes + index / 8] >> (index % 8) & 1;
          expected[i / 8] |= static_cast<uint8_t>(bit << i % 8);
        }
        kernels.tableLookup({low, low + bits}, 8 * sizeof(Word), masked.data(), tables.data(), n,
                            out.data());
        ASSERT_EQ(out.back(), 0xcc) << "wrote past the end";
        out.pop_back();
        ASSERT_EQ(out, expected) << bits << " bits from " << low << ", " << n;
      }
}

TEST_P(ElementwiseTest, LooksUpTables32) { testLookup(kernels<uint32_t>()); }
TEST_P(ElementwiseTest, LooksUpTables64) { testLookup(kernels<uint64_t>()); }

INSTANTIATE_TEST_SUITE_P(All, ElementwiseTest, everyVariant(), variantName);
INSTANTIATE_TEST_SUITE_P(EmulatedCuda, ElementwiseTest, testing::ValuesIn(emulatedCudaEverything()),
                         variantName);

} // namespace
} // namespace gfs
