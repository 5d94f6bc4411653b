// SPDX-License-Identifier: Apache-2.0
// Comparison of any width with little material: a = Sk mod 2^n is split into 4-bit chunks a_c; the
// dealer gives XOR shares of one-hot(a_c), 16 bits. At the public chunk x_c of X a server reads its
// shares of
//   eq_c = 1{x_c = a_c} = onehot(a_c)[x_c]   and   lt_c = 1{x_c < a_c} = XOR of onehot(a_c)[j] over
//   j > x_c.
// Neighbouring chunks are then joined, high h and low l, in ceil(log2(chunks)) levels:
//   lt = lt_h ^ (eq_h & lt_l),   eq = eq_h & eq_l   (the lowest chunk needs no eq).
//
// An AND of shared bits p, q is Beaver's: the servers open p ^ a and q ^ b for bits a, b made of
// both servers' streams, and the dealer gives shares of ab: pq = p̂q̂ ^ p̂b ^ q̂a ^ ab. Each a, b is
// used once and is unknown to either server alone, so all it sees is uniform. Both ANDs of a pair
// open the same eq_h ^ a.
#include "runtime/gates/Comparison.h"

namespace gfs {

namespace {

constexpr unsigned chunkBits = 4;

/// XOR of all higher bits of a 16-bit word, at each position.
uint32_t parityAbove(uint32_t word) {
  uint32_t parity = word >> 1;
  parity ^= parity >> 1;
  parity ^= parity >> 2;
  parity ^= parity >> 4;
  return parity ^ parity >> 8;
}

/// The tree over the chunks: level k joins nodes 2j (lower) and 2j + 1 (higher) of its n_k nodes;
/// an odd last node moves up unchanged. A pair opens eq_h, lt_l and eq_l, the lowest pair only the
/// first two.
class JoinTree {
public:
  explicit JoinTree(unsigned windowBits)
      : levels(plan::oneHotLevels(windowBits)), chunks(plan::oneHotChunks(windowBits)) {}

  size_t nodes(unsigned level) const { return (chunks + (size_t(1) << level) - 1) >> level; }
  size_t pairs(unsigned level) const { return nodes(level) / 2; }
  size_t opened(unsigned level) const { return 3 * pairs(level) - 1; }
  size_t products(unsigned level) const { return 2 * pairs(level) - 1; }
  /// Of all levels below `level`.
  size_t openedBelow(unsigned level) const { return sumBelow(level, &JoinTree::opened); }
  size_t productsBelow(unsigned level) const { return sumBelow(level, &JoinTree::products); }
  static size_t firstOpened(size_t pair) { return pair == 0 ? 0 : 3 * pair - 1; }
  static size_t firstProduct(size_t pair) { return pair == 0 ? 0 : 2 * pair - 1; }

  const unsigned levels;

private:
  size_t sumBelow(unsigned level, size_t (JoinTree::*count)(unsigned) const) const {
    size_t sum = 0;
    for (unsigned k = 0; k < level; ++k)
      sum += (this->*count)(k);
    return sum;
  }
  size_t chunks;
};

template <class Word> class OneHotComparison final : public Comparison<Word> {
  using Base = Comparison<Word>;
  using Base::shape;

public:
  explicit OneHotComparison(ComparisonShape<Word> shape)
      : Base(std::move(shape)), chunks(plan::oneHotChunks(this->shape.window.bits())),
        tree(this->shape.window.bits()), arrayBytes(this->shape.selectorBytes()) {}

  void addCost(Cost &cost) const override {
    for (unsigned c = 0; c < chunks; ++c)
      DealtCost{cost}.bytes(packedBytes(shape.count, positions(c)));
    DealtCost{cost}.bytes(tree.productsBelow(tree.levels) * arrayBytes);
    for (unsigned level = 0; level < tree.levels; ++level)
      cost.messageBytes.push_back(tree.opened(level) * arrayBytes);
    cost.messageBytes.push_back(arrayBytes);
    cost.prgBytes += (tree.openedBelow(tree.levels) + 1) * arrayBytes;
  }

  void deal(DealContext &context, DealtWriter<Word> &dealt) const override {
    std::span<const Word> s = context.mask<Word>(0);
    const SignBits<Word> signs = shape.signs();
    SecretVector<Word> oneHot(shape.count);
    SecretVector<uint8_t> packed(packedBytes(shape.count, maxPositions));
    for (unsigned c = 0; c < chunks; ++c) {
      for (size_t i = 0; i < shape.count; ++i)
        oneHot[i] = Word(1) << chunkOf(signs.maskIndex(s[i]), c);
      context.kernels().template ring<Word>().pack(positions(c), oneHot.data(), shape.count,
                                                   packed.data());
      dealt.bytes({packed.data(), packedBytes(shape.count, positions(c))});
    }
    dealProducts(context, dealt);
  }

  size_t preparedBytes() const override {
    return this->selectorStorage() + Carver::bytes<uint32_t>(chunks * shape.count) +
           Carver::bytes<uint8_t>(tree.openedBelow(tree.levels) * arrayBytes) +
           Carver::bytes<uint8_t>(tree.productsBelow(tree.levels) * arrayBytes) +
           Carver::bytes<uint8_t>(2 * chunks * arrayBytes) + Carver::bytes<uint8_t>(sentBytes());
  }

  void prepare(PrepareContext &context, DealtReader<Word> &dealt,
               std::span<std::byte> storage) const override {
    this->prepareSelectors(context, storage);
    Storage stored(*this, storage);
    SecretVector<uint8_t> packed(packedBytes(shape.count, maxPositions));
    SecretVector<Word> share(shape.count);
    for (unsigned c = 0; c < chunks; ++c) {
      std::span<uint8_t> bytes(packed.data(), packedBytes(shape.count, positions(c)));
      dealt.bytes(bytes);
      context.kernels().template ring<Word>().unpack(positions(c), bytes.data(), shape.count,
                                                     share.data());
      uint32_t *table = &stored.tables[c * shape.count];
      for (size_t i = 0; i < shape.count; ++i) { // eq in the low half, lt in the high one
        auto oneHot = static_cast<uint32_t>(share[i]);
        table[i] = parityAbove(oneHot) << 16 | oneHot;
      }
    }
    context.stream(tripleStream).fill(stored.operands);
    dealt.bytes(stored.products);
  }

  void send(EvaluateContext &context, unsigned phase, std::span<std::byte> storage) const override {
    Storage stored(*this, storage);
    std::span<uint8_t> selectors = this->selectors(storage);
    if (phase == 0)
      lookUp(context, stored, selectors);
    else
      join(context, stored, phase - 1);
    std::span<uint8_t> message = context.outgoing();
    if (phase < tree.levels) {
      hideOperands(stored, phase);
      std::copy_n(stored.sent.begin(), message.size(), message.begin());
    } else { // the selectors hold the server's own bit, and server 0's the public one
      xorInto(selectors, array(stored.nodes, 0));
      std::copy(selectors.begin(), selectors.end(), message.begin());
    }
  }

private:
  static constexpr unsigned maxPositions = 1u << chunkBits;

  /// Prepared storage behind the selectors. Node arrays: lt of node j at 2j, eq at 2j + 1 (never
  /// used for node 0).
  struct Storage {
    std::span<uint32_t> tables; ///< Chunk after chunk.
    std::span<uint8_t>
        operands; ///< This server's part of the bits that hide AND operands, level after level.
    std::span<uint8_t> products; ///< Its share of the products of those bits.
    std::span<uint8_t> nodes;
    std::span<uint8_t> sent; ///< This server's hidden operands of the latest level.

    Storage(const OneHotComparison &self, std::span<std::byte> storage) {
      Carver carver(self.behindSelectors(storage));
      tables = carver.take<uint32_t>(self.chunks * self.shape.count);
      operands = carver.take<uint8_t>(self.tree.openedBelow(self.tree.levels) * self.arrayBytes);
      products = carver.take<uint8_t>(self.tree.productsBelow(self.tree.levels) * self.arrayBytes);
      nodes = carver.take<uint8_t>(2 * self.chunks * self.arrayBytes);
      sent = carver.take<uint8_t>(self.sentBytes());
    }
  };

  size_t sentBytes() const { return tree.levels == 0 ? 0 : tree.opened(0) * arrayBytes; }
  template <class Byte> std::span<Byte> array(std::span<Byte> arrays, size_t i) const {
    return arrays.subspan(i * arrayBytes, arrayBytes);
  }
  /// Values chunk c may take: 16, or fewer in the highest chunk.
  unsigned positions(unsigned c) const {
    return 1u << std::min(chunkBits, shape.window.bits() - chunkBits * c);
  }
  unsigned chunkOf(Word x, unsigned c) const {
    return static_cast<unsigned>(x >> (chunkBits * c)) & (positions(c) - 1);
  }

  void dealProducts(DealContext &context, DealtWriter<Word> &dealt) const {
    SecretVector<uint8_t> operands(tree.openedBelow(tree.levels) * arrayBytes),
        other(operands.size());
    context.stream(Party::Zero, tripleStream).fill(operands);
    context.stream(Party::One, tripleStream).fill(other);
    xorInto(operands, other);
    SecretVector<uint8_t> products(tree.productsBelow(tree.levels) * arrayBytes);
    uint8_t *product = products.data();
    auto multiply = [&](size_t high, size_t low) {
      for (size_t i = 0; i < arrayBytes; ++i)
        *product++ = operands[high * arrayBytes + i] & operands[low * arrayBytes + i];
    };
    for (unsigned level = 0; level < tree.levels; ++level)
      for (size_t pair = 0; pair < tree.pairs(level); ++pair) {
        size_t high = tree.openedBelow(level) + JoinTree::firstOpened(pair);
        multiply(high, high + 1);
        if (pair > 0)
          multiply(high, high + 2);
      }
    dealt.bytes(products);
  }

  /// Shares of lt_c and eq_c of every chunk; adds bit_n(X) to server 0's selectors.
  void lookUp(EvaluateContext &context, Storage &stored, std::span<uint8_t> selectors) const {
    const auto &kernels = context.kernels().template ring<Word>();
    const Word *masked = context.template operand<Word>(0).data();
    const SignBits<Word> signs = shape.signs();
    Word x[Base::block], less[Base::block], equal[Base::block];
    uint8_t top[Base::block / 8];
    for (size_t j = 0; j < shape.thresholds.size(); ++j)
      for (size_t first = 0; first < shape.count; first += Base::block) {
        const size_t n = std::min(Base::block, shape.count - first), bytes = (n + 7) / 8;
        const size_t at = j * shape.bitBytes() + first / 8;
        for (size_t i = 0; i < n; ++i)
          x[i] = signs.index(masked[first + i], shape.thresholds[j]);
        for (unsigned c = 0; c < chunks; ++c) {
          const uint32_t *table = &stored.tables[c * shape.count + first];
          const Word last = positions(c) - 1;
          for (size_t i = 0; i < n; ++i) {
            uint32_t bits = table[i] >> (x[i] >> (chunkBits * c) & last);
            equal[i] = bits;
            less[i] = bits >> 16;
          }
          kernels.pack(1, less, n, &stored.nodes[2 * c * arrayBytes + at]);
          kernels.pack(1, equal, n, &stored.nodes[(2 * c + 1) * arrayBytes + at]);
        }
        if (context.party() == Party::One)
          continue;
        for (size_t i = 0; i < n; ++i)
          x[i] = signs.publicBit(x[i]);
        kernels.pack(1, x, n, top);
        xorInto(selectors.subspan(at, bytes), {top, bytes});
      }
  }

  /// sent = operands of this level's ANDs, each XOR its own hiding bits.
  void hideOperands(Storage &stored, unsigned level) const {
    size_t base = tree.openedBelow(level), next = 0;
    auto hide = [&](size_t node) {
      std::span<uint8_t> to = array(stored.sent, next);
      std::span<uint8_t> value = array(stored.nodes, node),
                         bits = array(stored.operands, base + next++);
      std::copy(value.begin(), value.end(), to.begin());
      xorInto(to, bits);
    };
    for (size_t pair = 0; pair < tree.pairs(level); ++pair) {
      hide(2 * (2 * pair + 1) + 1); // eq_h
      hide(2 * (2 * pair));         // lt_l
      if (pair > 0)
        hide(2 * (2 * pair) + 1); // eq_l
    }
  }

  /// The nodes of level + 1 from those of `level`, in place, with the operands both servers have
  /// sent.
  void join(EvaluateContext &context, Storage &stored, unsigned level) const {
    std::span<uint8_t> opened = stored.sent.first(tree.opened(level) * arrayBytes);
    xorInto(opened, context.incoming());
    const uint8_t mine = context.party() == Party::Zero ? 0xff : 0;
    const size_t operandBase = tree.openedBelow(level), productBase = tree.productsBelow(level);
    auto conjunction = [&](size_t high, size_t low, size_t product, std::span<uint8_t> out) {
      std::span<uint8_t> p = array(opened, high), q = array(opened, low);
      std::span<uint8_t> a = array(stored.operands, operandBase + high),
                         b = array(stored.operands, operandBase + low);
      std::span<uint8_t> ab = array(stored.products, productBase + product);
      for (size_t i = 0; i < arrayBytes; ++i)
        out[i] = static_cast<uint8_t>((p[i] & ((q[i] & mine) ^ b[i])) ^ (q[i] & a[i]) ^ ab[i]);
    };
    for (size_t pair = 0; pair < tree.pairs(level); ++pair) {
      size_t high = JoinTree::firstOpened(pair), product = JoinTree::firstProduct(pair);
      // Node `pair` is at or before the nodes it is made of, and lt_h lies behind both its arrays.
      std::span<uint8_t> less = array(stored.nodes, 2 * pair);
      conjunction(high, high + 1, product, less);
      xorInto(less, array(stored.nodes, 2 * (2 * pair + 1)));
      if (pair > 0)
        conjunction(high, high + 2, product + 1, array(stored.nodes, 2 * pair + 1));
    }
    if (tree.nodes(level) % 2 == 1) {
      size_t from = 2 * (tree.nodes(level) - 1), to = 2 * tree.pairs(level);
      std::copy_n(&stored.nodes[from * arrayBytes], 2 * arrayBytes, &stored.nodes[to * arrayBytes]);
    }
  }

  const unsigned chunks;
  const JoinTree tree;
  const size_t arrayBytes; ///< One bit per element and threshold.
};

} // namespace

template <class Word> ComparisonPtr<Word> makeOneHotComparison(ComparisonShape<Word> shape) {
  return std::make_unique<OneHotComparison<Word>>(std::move(shape));
}
template ComparisonPtr<uint32_t> makeOneHotComparison(ComparisonShape<uint32_t>);
template ComparisonPtr<uint64_t> makeOneHotComparison(ComparisonShape<uint64_t>);

} // namespace gfs
