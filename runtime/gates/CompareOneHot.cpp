// SPDX-License-Identifier: Apache-2.0
// Comparison of any width with little material: a = Sk mod 2^n is split into 4-bit chunks a_c; the
// dealer gives XOR shares of one-hot(a_c), 16 bits. At the public chunk x_c of X a server reads its
// shares of
//   eq_c = 1{x_c = a_c} = onehot(a_c)[x_c],
//   lt_c = 1{x_c < a_c} = XOR of onehot(a_c)[j] over j > x_c.
// Neighbouring chunks are then joined, high h and low l, in ceil(log2(chunks)) levels:
//   lt = lt_h ^ (eq_h & lt_l),   eq = eq_h & eq_l   (the lowest chunk needs no eq).
//
// An AND of shared bits p, q is Beaver's: the servers open p ^ a and q ^ b for bits a, b made of
// both servers' streams, and the dealer gives shares of ab: pq = p̂q̂ ^ p̂b ^ q̂a ^ ab. Each a, b is
// used once and is unknown to either server alone, so all it sees is uniform. Both ANDs of a pair
// open the same eq_h ^ a.
#include "runtime/gates/Comparison.h"
#include "runtime/gates/JoinTree.h"

namespace gfs {

namespace {

constexpr unsigned chunkBits = plan::oneHotChunkBits;

template <class Word> class OneHotComparison final : public Comparison<Word> {
  using Base = Comparison<Word>;
  using Base::shape;

public:
  OneHotComparison(ComparisonShape<Word> shape, DealtLayout &dealt)
      : Base(std::move(shape)), chunks(plan::oneHotChunks(this->shape.window.bits())),
        tree(this->shape.window.bits()), arrayBytes(this->shape.selectorBytes()) {
    for (unsigned c = 0; c < chunks; ++c)
      oneHots.push_back(dealt.bytes(packedBytes(this->shape.count, positions(c))));
    products = dealt.bytes(tree.productsBelow(tree.levels) * arrayBytes);
  }

  void addCost(Cost &cost) const override {
    for (unsigned level = 0; level < tree.levels; ++level)
      cost.messageBytes.push_back(tree.opened(level) * arrayBytes);
    cost.messageBytes.push_back(arrayBytes);
    cost.prgBytes += (tree.openedBelow(tree.levels) + 1) * arrayBytes;
  }

  void deal(DealContext &context, DealtWriter<Word> &writer) const override {
    std::span<const Word> s = context.mask<Word>(0);
    const SignBits<Word> signs = shape.signs();
    SecretVector<Word> oneHot(shape.count);
    SecretVector<uint8_t> packed(packedBytes(shape.count, maxPositions));
    for (unsigned c = 0; c < chunks; ++c) {
      for (size_t i = 0; i < shape.count; ++i)
        oneHot[i] = Word(1) << chunkOf(signs.maskIndex(s[i]), c);
      context.kernels().template ring<Word>().pack(positions(c), oneHot.data(), shape.count,
                                                   packed.data());
      writer.bytes(oneHots[c], {packed.data(), oneHots[c].count});
    }
    dealProducts(context, writer);
  }

  size_t scratchBytes() const override { return 2 * chunks * arrayBytes; }

  void send(EvaluateContext &context, unsigned phase, Range units) const override {
    Work work(context);
    SecretVector<uint8_t> room(phase == 0 ? chunks * chunkRoom : 0);
    SecretTile<uint8_t> decision;
    const Range elements = elementsOf(units, shape.count);
    if (phase == 0)
      forEachTile(elements, [&](size_t first, size_t n) {
        const ChunkShares shares = readOneHots(work, first, n, room.data());
        for (size_t j = 0; j < shape.thresholds.size(); ++j)
          lookUp(work, j, first, n, shares);
      });
    forEachBitTile(elements, [&](size_t first, size_t n) {
      for (size_t j = 0; j < shape.thresholds.size(); ++j) {
        work.slice = this->slice(j, first, n);
        if (phase > 0)
          join(work, phase - 1);
        if (phase < tree.levels) {
          hideOperands(work, phase);
        } else {
          std::span<uint8_t> less = node(work, 0), bits = decision.first(less.size());
          std::copy(less.begin(), less.end(), bits.begin());
          this->sendHidden(context, j, first, n, bits);
        }
      }
    });
  }

private:
  static constexpr unsigned maxPositions = 1u << chunkBits, maxChunks = 64 / chunkBits;
  static constexpr size_t chunkRoom = tileElements * maxPositions / 8;
  using ChunkShares = std::array<const uint8_t *, maxChunks>;
  using Bits = SecretTile<uint8_t>; ///< Of a bit tile.

  /// What a call of send() works with.
  struct Work {
    EvaluateContext &context;
    DealtReader<Word> dealt;
    /// This server's part of the bits that hide AND operands, level after level.
    Prg operands;
    /// This server's shares: lt of node j in array 2j, eq in 2j + 1 (never used for node 0).
    std::span<uint8_t> nodes;
    typename Base::BitSlice slice{0, 0}; ///< Of every array: the elements and threshold in work.

    explicit Work(EvaluateContext &context)
        : context(context), dealt(context), operands(context.stream(tripleStream)),
          nodes(context.template prepared<uint8_t>()) {}
  };

  std::span<uint8_t> node(Work &work, size_t i) const {
    return work.slice.of(array(work.nodes, i));
  }
  /// Opened operand `i` of the level before.
  void opened(Work &work, size_t i, std::span<uint8_t> out) const {
    auto sent = work.slice.of(array(work.context.sent(), i));
    auto came = work.slice.of(array(work.context.incoming(), i));
    for (size_t b = 0; b < out.size(); ++b)
      out[b] = sent[b] ^ came[b];
  }
  void operandMask(Work &work, size_t i, std::span<uint8_t> out) const {
    work.operands.fillFrom(i * arrayBytes + work.slice.at, out);
  }
  template <class Byte> std::span<Byte> array(std::span<Byte> arrays, size_t i) const {
    return arrays.subspan(i * arrayBytes, arrayBytes);
  }
  /// Values chunk c may take: 16, or fewer in the highest chunk.
  unsigned positions(unsigned c) const { return 1u << bitsOf(c); }
  unsigned bitsOf(unsigned c) const {
    return std::min(chunkBits, shape.window.bits() - chunkBits * c);
  }
  unsigned chunkOf(Word x, unsigned c) const {
    return static_cast<unsigned>(x >> (chunkBits * c)) & (positions(c) - 1);
  }

  void dealProducts(DealContext &context, DealtWriter<Word> &writer) const {
    SecretVector<uint8_t> operands(tree.openedBelow(tree.levels) * arrayBytes),
        other(operands.size());
    context.stream(Party::Zero, tripleStream).fill(operands);
    context.stream(Party::One, tripleStream).fill(other);
    xorInto(operands, other);
    SecretVector<uint8_t> clear(products.count);
    uint8_t *product = clear.data();
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
    writer.bytes(products, clear);
  }

  /// This server's shares of one-hot(a_c) by chunk, packed to its positions: in the material, or
  /// expanded into `room`.
  ChunkShares readOneHots(Work &work, size_t first, size_t n, uint8_t *room) const {
    ChunkShares shares{};
    for (unsigned c = 0; c < chunks; ++c, room += chunkRoom)
      shares[c] = work.dealt.bytesInPlace(oneHots[c], packedBytes(first, positions(c)),
                                          packedBytes(n, positions(c)), room);
    return shares;
  }

  /// Shares of lt_c and eq_c of every chunk: bit x_c of the one-hot vector, and the parity of the
  /// bits above it.
  void lookUp(Work &work, size_t j, size_t first, size_t n, const ChunkShares &shares) const {
    const auto &kernels = work.context.kernels().template ring<Word>();
    const Word *masked = work.context.template operand<Word>(0).data();
    const SignBits<Word> signs = shape.signs();
    work.slice = this->slice(j, first, n);
    Word x[tileElements];
    for (size_t i = 0; i < n; ++i)
      x[i] = signs.index(masked[first + i], shape.thresholds[j]);
    for (unsigned c = 0; c < chunks; ++c)
      kernels.oneHotLookup(chunkBits * c, bitsOf(c), x, shares[c], n, node(work, 2 * c).data(),
                           node(work, 2 * c + 1).data());
  }

  /// Sends the operands of this level's ANDs, each XOR its own hiding bits.
  void hideOperands(Work &work, unsigned level) const {
    size_t base = tree.openedBelow(level), next = 0;
    auto hide = [&](size_t value) {
      std::span<uint8_t> to = work.slice.of(array(work.context.outgoing(), next));
      operandMask(work, base + next++, to);
      xorInto(to, node(work, value));
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
  void join(Work &work, unsigned level) const {
    const size_t bytes = work.slice.bytes;
    const uint8_t mine = work.context.party() == Party::Zero ? 0xff : 0;
    const size_t operandBase = tree.openedBelow(level), productBase = tree.productsBelow(level);
    Bits p, q, a, b, ab;
    auto conjunction = [&](size_t high, size_t low, size_t product, std::span<uint8_t> out) {
      opened(work, high, p.first(bytes));
      opened(work, low, q.first(bytes));
      operandMask(work, operandBase + high, a.first(bytes));
      operandMask(work, operandBase + low, b.first(bytes));
      work.dealt.bytes(products, (productBase + product) * arrayBytes + work.slice.at,
                       ab.first(bytes));
      for (size_t i = 0; i < bytes; ++i)
        out[i] = static_cast<uint8_t>((p[i] & ((q[i] & mine) ^ b[i])) ^ (q[i] & a[i]) ^ ab[i]);
    };
    for (size_t pair = 0; pair < tree.pairs(level); ++pair) {
      size_t high = JoinTree::firstOpened(pair), product = JoinTree::firstProduct(pair);
      // Node `pair` is at or before the nodes it is made of, and lt_h lies behind both its arrays.
      std::span<uint8_t> less = node(work, 2 * pair);
      conjunction(high, high + 1, product, less);
      xorInto(less, node(work, 2 * (2 * pair + 1)));
      if (pair > 0)
        conjunction(high, high + 2, product + 1, node(work, 2 * pair + 1));
    }
    if (tree.nodes(level) % 2 == 1) {
      size_t from = 2 * (tree.nodes(level) - 1), to = 2 * tree.pairs(level);
      for (size_t part : {0, 1}) {
        std::span<uint8_t> moved = node(work, from + part);
        std::copy(moved.begin(), moved.end(), node(work, to + part).begin());
      }
    }
  }

  const unsigned chunks;
  const JoinTree tree;
  const size_t arrayBytes;         ///< One bit per element and threshold.
  std::vector<DealtArray> oneHots; ///< Of each chunk, packed to its positions.
  DealtArray products;             ///< Of the bits that hide AND operands.
};

} // namespace

template <class Word>
ComparisonPtr<Word> makeOneHotComparison(ComparisonShape<Word> shape, DealtLayout &dealt) {
  return std::make_unique<OneHotComparison<Word>>(std::move(shape), dealt);
}
template ComparisonPtr<uint32_t> makeOneHotComparison(ComparisonShape<uint32_t>, DealtLayout &);
template ComparisonPtr<uint64_t> makeOneHotComparison(ComparisonShape<uint64_t>, DealtLayout &);

} // namespace gfs
