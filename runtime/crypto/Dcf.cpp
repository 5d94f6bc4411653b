// SPDX-License-Identifier: Apache-2.0
// Figure 1 of eprint 2020/1392, level by level over blocks of functions so that AES runs on many at
// once. "Line i" in comments is a line of Gen in that figure.
//
// The generator. A node's seed s has 126 bits, kept in bits 2..127 of a block; bit 0 is free for a
// direction. With public permutations P_k = AES under fixed keys, one for each purpose k (child
// seed, first and second value block),
//     H_k(s, d) = P_k(s | d) ^ (s | d),   d = 0 for the left child, 1 for the right one,
// is the Matyas-Meyer-Oseas hash. G(s) = (H_seed, H_value0, H_value1)(s, 0 and 1); bit 0 of H_seed
// is the child's control bit t, bit 1 is dropped. If AES under fixed keys behaves as independent
// random permutations, every output of G on an unknown uniform seed is indistinguishable from
// uniform, up to about q / 2^126 for q evaluations of AES and each node in circulation: without the
// feed-forward an output could be inverted to its seed, with it MMO is correlation robust (Guo,
// Katz, Wang, Yu, "Efficient and secure multiparty computation from fixed-key block ciphers", IEEE
// S&P 2020, IACR eprint 2019/074). Inputs of one purpose differ in d, so no two outputs come from
// one point. The proof for Figure 1 needs nothing more: it goes level by level, and at each level
// the one seed that the adversary does not hold is uniform given all it has seen.
#include "runtime/crypto/Dcf.h"

#include "runtime/base/Error.h"
#include "runtime/base/Secret.h"
#include "runtime/crypto/Kdf.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace gfs {
namespace {

constexpr size_t blockSize = 64; // functions per block: their state stays in L1

/// 128 bits; bit 0 is bit 0 of lane 0.
struct Block {
  uint64_t lane[2];

  static Block load(const uint8_t *bytes) {
    Block block;
    std::memcpy(&block, bytes, sizeof block);
    return block;
  }
  void store(uint8_t *bytes) const { std::memcpy(bytes, this, sizeof *this); }
  Block operator^(const Block &other) const {
    return {lane[0] ^ other.lane[0], lane[1] ^ other.lane[1]};
  }
  Block operator&(uint64_t mask) const { return {lane[0] & mask, lane[1] & mask}; }
  /// The seed in a block: without control bits and direction.
  Block seed() const { return {lane[0] & ~uint64_t(3), lane[1]}; }
  Block towards(uint64_t direction) const { return {lane[0] | direction, lane[1]}; }
  uint64_t low() const { return lane[0]; }
};

/// mask ? a : b for masks of all ones or all zeros.
uint64_t select(uint64_t mask, uint64_t a, uint64_t b) { return b ^ ((a ^ b) & mask); }
Block select(uint64_t mask, const Block &a, const Block &b) { return b ^ ((a ^ b) & mask); }
/// mask ? -value : value: the factor (-1)^t.
uint64_t negateIf(uint64_t mask, uint64_t value) { return (value ^ mask) - mask; }
uint64_t maskOf(uint64_t bit) { return uint64_t(0) - bit; }

/// The round keys of the public permutations, derived from a sentence so that nobody can have
/// chosen them.
struct FixedKeys {
  uint8_t seed[176], value[2][176];
  explicit FixedKeys(const AesImplementation &aes) {
    constexpr std::string_view sentence =
        "GFS distributed comparison function: public permutations";
    uint8_t keys[3][16];
    hkdfSha256({reinterpret_cast<const uint8_t *>(sentence.data()), sentence.size()},
               "AES-128 keys", {&keys[0][0], sizeof keys});
    aes.expandKey(keys[0], seed);
    aes.expandKey(keys[1], value[0]);
    aes.expandKey(keys[2], value[1]);
  }
};

const FixedKeys &fixedKeys() {
  static const FixedKeys keys(bestAes());
  return keys;
}

/// out[i] = P(in[i]) ^ in[i].
void hash(const AesImplementation &aes, const uint8_t *roundKeys, const Block *in, Block *out,
          size_t count) {
  aes.encrypt(roundKeys, reinterpret_cast<const uint8_t *>(in), reinterpret_cast<uint8_t *>(out),
              count);
  for (size_t i = 0; i < count; ++i)
    out[i] = out[i] ^ in[i];
}

/// Convert of the figure, without the reduction: the 64 bits from a fixed bit offset of a
/// function's value blocks. Bits past the word's own belong to the next word or to none; the caller
/// reduces in the end.
class Converter {
public:
  Converter(const Block *first, const Block *second, unsigned offset, unsigned bits)
      : blocks{offset < 128 ? first : second, offset + 64 < 128 ? first : second},
        lanes{offset / 64 % 2, ~offset / 64 % 2}, shift(offset % 64), crosses(shift + bits > 64) {}

  /// Calls use(e, bits of function e).
  template <class Use> void forEach(size_t count, Use use) const {
    if (crosses)
      for (size_t e = 0; e < count; ++e)
        use(e, blocks[0][e].lane[lanes[0]] >> shift | blocks[1][e].lane[lanes[1]] << (64 - shift));
    else
      for (size_t e = 0; e < count; ++e)
        use(e, blocks[0][e].lane[lanes[0]] >> shift);
  }

private:
  const Block *blocks[2];
  unsigned lanes[2], shift;
  bool crosses;
};

/// The same from value corrections of `stride` bytes each. May read up to 8 bytes past the last
/// one, which are other corrections (see the layout in Dcf.h: seed corrections come last).
template <class Use>
void forEachPacked(const uint8_t *bytes, size_t stride, unsigned offset, unsigned bits,
                   size_t count, Use use) {
  const unsigned shift = offset % 8;
  bytes += offset / 8;
  for (size_t e = 0; e < count; ++e, bytes += stride) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    word >>= shift;
    if (shift + bits > 64)
      word |= uint64_t(bytes[8]) << (64 - shift);
    use(e, word);
  }
}

} // namespace

Dcf::Dcf(unsigned domainBits, std::span<const unsigned> payloadBits, const AesImplementation &aes)
    : domainBits(domainBits), wordCount(static_cast<unsigned>(payloadBits.size())), aes(&aes) {
  check(domainBits >= 1 && domainBits <= maxDomainBits, "comparison domain of 1 to 63 bits");
  check(wordCount >= 1 && wordCount <= maxWords, "comparison payload of 1 to 4 words");
  for (unsigned j = 0; j < wordCount; ++j) {
    check(payloadBits[j] >= 1 && payloadBits[j] <= 64, "comparison payload words of 1 to 64 bits");
    word[j] = {valueBits, payloadBits[j]};
    valueBits += payloadBits[j];
  }
}

std::array<std::span<const uint8_t, 176>, 3> Dcf::permutationKeys() {
  const FixedKeys &keys = fixedKeys();
  return {std::span<const uint8_t, 176>(keys.seed), std::span<const uint8_t, 176>(keys.value[0]),
          std::span<const uint8_t, 176>(keys.value[1])};
}

// --- Evaluation ---

/// State of one party in one block of functions.
struct Dcf::EvaluateBlock {
  const Dcf &dcf;
  const size_t count;
  Block seed[blockSize];                    // s^(i), without control bits
  uint64_t control[blockSize];              // t^(i) as a mask
  uint64_t value[maxWords][blockSize] = {}; // V, sign still missing
  Block input[blockSize], child[blockSize], pad[2][blockSize] = {};

  EvaluateBlock(const Dcf &dcf, Party party, const uint8_t *roots, size_t count)
      : dcf(dcf), count(count) {
    for (size_t e = 0; e < count; ++e) {
      seed[e] = Block::load(roots + 16 * e).seed();
      control[e] = maskOf(index(party));
    }
  }
  ~EvaluateBlock() { secureWipe(this, sizeof *this); }

  /// V += Convert(pads of `input`) + t V_CW.
  void addValues(const uint8_t *corrections) {
    for (unsigned block = 0; block < dcf.valueBlocks(); ++block)
      hash(*dcf.aes, fixedKeys().value[block], input, pad[block], count);
    for (unsigned j = 0; j < dcf.wordCount; ++j) {
      const auto [offset, bits] = dcf.word[j];
      uint64_t *sum = value[j];
      Converter(pad[0], pad[1], offset, bits).forEach(count, [&](size_t e, uint64_t word) {
        sum[e] += word;
      });
      forEachPacked(corrections, dcf.valueBytes(), offset, bits, count,
                    [&](size_t e, uint64_t word) { sum[e] += word & control[e]; });
    }
  }

  void descend(const uint8_t *values, const uint8_t *seeds, const uint64_t *x, unsigned bit) {
    for (size_t e = 0; e < count; ++e)
      input[e] = seed[e].towards(x[e] >> bit & 1);
    addValues(values);
    hash(*dcf.aes, fixedKeys().seed, input, child, count);
    for (size_t e = 0; e < count; ++e) {
      Block correction = Block::load(seeds + 16 * e) & control[e];
      uint64_t direction = x[e] >> bit & 1;
      uint64_t controlBit = (child[e].low() ^ correction.low() >> direction) & 1;
      seed[e] = (child[e] ^ correction).seed();
      control[e] = maskOf(controlBit);
    }
  }

  /// The last term, V += Convert(s^(n)) + t CW^(n+1).
  void finish(const uint8_t *corrections) {
    std::copy_n(seed, count, input);
    addValues(corrections);
  }
};

void Dcf::evaluate(Party party, std::span<const uint8_t> roots, std::span<const uint8_t> keys,
                   std::span<const uint64_t> x, std::span<uint64_t> out) const {
  const size_t count = x.size();
  check(roots.size() == rootBytes * count && keys.size() == keyBytes() * count &&
            out.size() == wordCount * count,
        "sizes of comparison keys");
  for (size_t first = 0; first < count; first += blockSize) {
    const size_t m = std::min(blockSize, count - first);
    EvaluateBlock block(*this, party, roots.data() + rootBytes * first, m);
    const uint8_t *final = keys.data() + keyBytes() * first, *level = final + m * valueBytes();
    for (unsigned bit = domainBits; bit-- > 0; level += m * (valueBytes() + 16))
      block.descend(level, level + m * valueBytes(), x.data() + first, bit);
    block.finish(final);
    for (unsigned j = 0; j < wordCount; ++j)
      for (size_t e = 0; e < m; ++e)
        out[j * count + first + e] =
            negateIf(maskOf(index(party)), block.value[j][e]) & word[j].mask();
  }
}

// --- Generation ---

/// Both parties' state in one block of functions.
struct Dcf::GenerateBlock {
  static constexpr unsigned left = 0, right = 1;
  const Dcf &dcf;
  const size_t count;
  Block seed[2][blockSize];                      // s_b^(i)
  uint64_t control[2][blockSize];                // t_b^(i) as masks
  uint64_t alphaValue[maxWords][blockSize] = {}; // V_alpha
  // [party][side][function]: both children of both parties' nodes.
  Block input[2][2][blockSize], child[2][2][blockSize], pad[2][2][2][blockSize] = {};

  GenerateBlock(const Dcf &dcf, const uint8_t *roots0, const uint8_t *roots1, size_t count)
      : dcf(dcf), count(count) {
    for (size_t e = 0; e < count; ++e) { // line 2
      seed[0][e] = Block::load(roots0 + 16 * e).seed();
      seed[1][e] = Block::load(roots1 + 16 * e).seed();
      control[0][e] = maskOf(0);
      control[1][e] = maskOf(1);
    }
  }
  ~GenerateBlock() { secureWipe(this, sizeof *this); }

  void expandValues(unsigned party, unsigned side) {
    for (unsigned block = 0; block < dcf.valueBlocks(); ++block)
      hash(*dcf.aes, fixedKeys().value[block], input[party][side], pad[block][party][side], count);
  }

  /// out = Convert(v_1) - Convert(v_0) of one side's children, for word j.
  void subtractConverted(unsigned side, const Word &word, uint64_t *out) const {
    Converter(pad[0][1][side], pad[1][1][side], word.offset, word.bits)
        .forEach(count, [&](size_t e, uint64_t value) { out[e] = value; });
    Converter(pad[0][0][side], pad[1][0][side], word.offset, word.bits)
        .forEach(count, [&](size_t e, uint64_t value) { out[e] -= value; });
  }

  /// Line 4.
  void expand() {
    for (unsigned party : {0, 1})
      for (unsigned side : {left, right}) {
        for (size_t e = 0; e < count; ++e)
          input[party][side][e] = seed[party][e].towards(side);
        hash(*dcf.aes, fixedKeys().seed, input[party][side], child[party][side], count);
        expandValues(party, side);
      }
  }

  /// Lines 7 to 9 for word j; `payload` is its first element of this block.
  void correctValues(const uint64_t *alpha, unsigned bit, const uint64_t *payload, unsigned j,
                     uint8_t *values) {
    uint64_t difference[2][blockSize];
    for (unsigned side : {left, right})
      subtractConverted(side, dcf.word[j], difference[side]);
    for (size_t e = 0; e < count; ++e) {
      uint64_t goRight = maskOf(alpha[e] >> bit & 1); // Keep = R, Lose = L; line 5
      uint64_t lose = select(goRight, difference[left][e], difference[right][e]);
      uint64_t keep = select(goRight, difference[right][e], difference[left][e]);
      uint64_t sign = control[1][e];
      // Whoever leaves alpha's path to the left has x < alpha: line 8.
      uint64_t correction = negateIf(sign, lose - alphaValue[j][e] + (payload[e] & goRight));
      alphaValue[j][e] += negateIf(sign, correction) - keep;
      storeBits(values + e * dcf.valueBytes(), dcf.word[j], correction);
    }
  }

  /// Lines 5, 6 and 10 to 13.
  void correctSeeds(const uint64_t *alpha, unsigned bit, uint8_t *seeds) {
    for (size_t e = 0; e < count; ++e) {
      const uint64_t alphaBit = alpha[e] >> bit & 1, goRight = maskOf(alphaBit);
      Block both[2] = {child[0][left][e] ^ child[1][left][e],
                       child[0][right][e] ^ child[1][right][e]};
      Block correction = select(goRight, both[left], both[right]).seed(); // line 6
      uint64_t controlLeft = (both[left].low() ^ alphaBit ^ 1) & 1;       // line 10
      uint64_t controlRight = (both[right].low() ^ alphaBit) & 1;
      correction.lane[0] |= controlLeft | controlRight << 1;
      correction.store(seeds + 16 * e); // line 11
      uint64_t controlKeep = select(goRight, controlRight, controlLeft);
      for (unsigned party : {0, 1}) {
        Block kept = select(goRight, child[party][right][e], child[party][left][e]);
        seed[party][e] = (kept ^ (correction & control[party][e])).seed();                // line 12
        control[party][e] = maskOf((kept.low() ^ (controlKeep & control[party][e])) & 1); // line 13
      }
    }
  }

  /// Line 14.
  void finish(uint8_t *corrections) {
    for (unsigned party : {0, 1}) {
      std::copy_n(seed[party], count, input[party][left]);
      expandValues(party, left);
    }
    for (unsigned j = 0; j < dcf.wordCount; ++j) {
      uint64_t difference[blockSize];
      subtractConverted(left, dcf.word[j], difference);
      for (size_t e = 0; e < count; ++e)
        storeBits(corrections + e * dcf.valueBytes(), dcf.word[j],
                  negateIf(control[1][e], difference[e] - alphaValue[j][e]));
    }
  }

  /// Writes a word into its bits of a zeroed value correction.
  static void storeBits(uint8_t *bytes, const Word &word, uint64_t value) {
    value &= word.mask();
    unsigned shift = word.offset % 8, byte = word.offset / 8,
             end = (word.offset + word.bits + 7) / 8;
    bytes[byte] |= static_cast<uint8_t>(value << shift);
    for (unsigned done = 8 - shift; ++byte < end; done += 8)
      bytes[byte] |= static_cast<uint8_t>(value >> done);
  }
};

void Dcf::generate(std::span<const uint8_t> roots0, std::span<const uint8_t> roots1,
                   std::span<const uint64_t> alpha, std::span<const uint64_t> payload,
                   std::span<uint8_t> keys) const {
  const size_t count = alpha.size();
  check(roots0.size() == rootBytes * count && roots1.size() == rootBytes * count &&
            payload.size() == wordCount * count && keys.size() == keyBytes() * count,
        "sizes of comparison keys");
  std::fill(keys.begin(), keys.end(), uint8_t(0));
  for (size_t first = 0; first < count; first += blockSize) {
    const size_t m = std::min(blockSize, count - first);
    GenerateBlock block(*this, roots0.data() + rootBytes * first, roots1.data() + rootBytes * first,
                        m);
    uint8_t *final = keys.data() + keyBytes() * first, *level = final + m * valueBytes();
    for (unsigned bit = domainBits; bit-- > 0; level += m * (valueBytes() + 16)) { // line 3
      block.expand();
      for (unsigned j = 0; j < wordCount; ++j)
        block.correctValues(alpha.data() + first, bit, payload.data() + j * count + first, j,
                            level);
      block.correctSeeds(alpha.data() + first, bit, level + m * valueBytes());
    }
    block.finish(final);
  }
}

} // namespace gfs
