// SPDX-License-Identifier: Apache-2.0
// Selection by comparison keys, without an exchange. With b = bit_n(Sk), a = Sk mod 2^n and c = 1{X
// mod 2^n < a}:
//   e w = (b ^ c) w = b w + c (1-2b) w.
// The dealer gives [b w_k] and a distributed comparison function with payload (1-2b) w_k, k = 0, 1,
// ...; evaluated at the public X_j mod 2^n it yields [c_j (1-2b) w_k]. Material that depends on s
// alone serves all thresholds.
//
// A server sees its root, from its own stream, and the correction words, which are the same for
// both and pseudorandom without the other's root.
#include "runtime/crypto/Dcf.h"
#include "runtime/gates/Selection.h"

namespace gfs {

namespace {

template <class Word> class KeySelection final : public Selection<Word> {
  using Base = Selection<Word>;
  using Base::shape;

  /// Terms [first, first + dcf.words()) that one function yields.
  struct Group {
    size_t first;
    Dcf dcf;
  };

public:
  explicit KeySelection(SelectionShape<Word> shape) : Base(std::move(shape)) {
    // Terms of no bits are zero and are left out; a function has room for four words.
    for (size_t k = 0; k < this->shape.terms();) {
      std::vector<unsigned> bits;
      size_t first = k;
      while (k < this->shape.terms() && this->shape.termBits[k] > 0 && bits.size() < wordsPerGroup)
        bits.push_back(this->shape.termBits[k++]);
      if (bits.empty())
        ++k;
      else
        groups.push_back({first, Dcf(this->shape.comparison.window.bits(), bits)});
    }
  }

  void send(EvaluateContext &, unsigned) const override {}
  void begin(EvaluateContext &) const override {}

private:
  static constexpr size_t wordsPerGroup = 3;

  void addOwnCost(Cost &cost) const override {
    for (unsigned bits : shape.termBits)
      DealtCost{cost}.words<Word>(bits, shape.count());
    for (const Group &group : groups) {
      for (uint64_t &bytes : cost.dealtBytes)
        bytes += shape.count() * group.dcf.keyBytes();
      cost.prgBytes += shape.count() * Dcf::rootBytes;
      cost.aesBlocks += shape.thresholds() * shape.count() * group.dcf.aesBlocks();
    }
  }

  void dealOwn(DealContext &context, DealtWriter<Word> &dealt,
               std::span<const SecretVector<Word>> terms) const override {
    const SignBits<Word> signs = shape.comparison.signs();
    std::span<const Word> s = context.mask<Word>(0);
    for (const Group &group : groups)
      dealKeys(context, dealt, terms, group);
    for (size_t k = 0; k < shape.terms(); ++k)
      dealt.words(shape.termBits[k], shape.count(), [&](size_t i) {
        return (Word(0) - signs.maskBit(s[i])) & Base::term(terms, k, i);
      });
  }

  void dealKeys(DealContext &context, DealtWriter<Word> &dealt,
                std::span<const SecretVector<Word>> terms, const Group &group) const {
    const SignBits<Word> signs = shape.comparison.signs();
    std::span<const Word> s = context.mask<Word>(0);
    std::span<uint8_t> keys0 = context.material(Party::Zero).subspan(keyOffset(group));
    std::span<uint8_t> keys1 = dealt.raw(keyBytes(group));
    std::array<SecretVector<uint8_t>, 2> roots = {SecretVector<uint8_t>(rootBytes()),
                                                  SecretVector<uint8_t>(rootBytes())};
    for (Party party : {Party::Zero, Party::One})
      context.stream(party, rootStreamOf(group)).fill(roots[index(party)]);
    SecretVector<uint64_t> alpha(Base::block), payload(Base::block * group.dcf.words());
    for (size_t first = 0; first < shape.count(); first += Base::block) {
      const size_t n = std::min(Base::block, shape.count() - first);
      for (size_t i = 0; i < n; ++i) {
        alpha[i] = signs.maskIndex(s[first + i]);
        const Word b = Word(0) - signs.maskBit(s[first + i]);
        for (size_t w = 0; w < group.dcf.words(); ++w)
          payload[w * n + i] = (Base::term(terms, group.first + w, first + i) ^ b) - b;
      }
      auto part = [&](std::span<const uint8_t> all, size_t each) {
        return all.subspan(first * each, n * each);
      };
      group.dcf.generate(part(roots[0], Dcf::rootBytes), part(roots[1], Dcf::rootBytes),
                         std::span(alpha).first(n), std::span(payload).first(n * group.dcf.words()),
                         keys1.subspan(first * group.dcf.keyBytes(), n * group.dcf.keyBytes()));
    }
    std::copy(keys1.begin(), keys1.end(), keys0.begin());
  }

  size_t ownBytes() const override {
    return groups.size() * Carver::bytes<uint8_t>(rootBytes()) +
           shape.terms() * Carver::bytes<Word>(shape.count());
  }

  void prepareOwn(PrepareContext &context, DealtReader<Word> &dealt,
                  std::span<std::byte> storage) const override {
    context.keepMaterial(); // hidden() reads the keys
    Carver carver(storage);
    for (const Group &group : groups) {
      context.stream(rootStreamOf(group)).fill(carver.template take<uint8_t>(rootBytes()));
      if (context.party() == Party::One)
        dealt.skip(keyBytes(group)); // read where they lie
    }
    for (unsigned bits : shape.termBits)
      dealt.words(bits, carver.template take<Word>(shape.count()));
  }

  void hidden(EvaluateContext &context, size_t j, size_t first, size_t n, Word *g,
              typename Base::Rows &rows) const override {
    const SignBits<Word> signs = shape.comparison.signs();
    const Word *masked = context.template operand<Word>(0).data() + first;
    uint64_t x[Base::block], selected[wordsPerGroup * Base::block];
    for (size_t i = 0; i < n; ++i) {
      Word position = signs.index(masked[i], shape.comparison.thresholds[j]);
      x[i] = signs.low(position);
      g[i] = signs.publicBit(position);
    }
    Carver carver(this->own(context));
    std::vector<std::span<const uint8_t>> roots;
    for (size_t group = 0; group < groups.size(); ++group)
      roots.push_back(carver.template take<uint8_t>(rootBytes()));
    for (size_t k = 0; k < shape.terms(); ++k)
      std::copy_n(carver.template take<Word>(shape.count()).data() + first, n, rows[k]);
    for (size_t at = 0; at < groups.size(); ++at) {
      const Group &group = groups[at];
      const size_t keySize = group.dcf.keyBytes();
      group.dcf.evaluate(
          context.party(), roots[at].subspan(first * Dcf::rootBytes, n * Dcf::rootBytes),
          context.material().subspan(keyOffset(group) + first * keySize, n * keySize), {x, n},
          {selected, n * group.dcf.words()});
      for (size_t w = 0; w < group.dcf.words(); ++w)
        for (size_t i = 0; i < n; ++i)
          rows[group.first + w][i] += static_cast<Word>(selected[w * n + i]);
    }
  }

  size_t rootBytes() const { return shape.count() * Dcf::rootBytes; }
  size_t keyBytes(const Group &group) const { return shape.count() * group.dcf.keyBytes(); }
  /// Keys lie at the front of either server's material, group after group.
  size_t keyOffset(const Group &group) const {
    size_t offset = 0;
    for (const Group *before = groups.data(); before != &group; ++before)
      offset += keyBytes(*before);
    return offset;
  }
  uint16_t rootStreamOf(const Group &group) const {
    return static_cast<uint16_t>(rootStream + (&group - groups.data()));
  }

  std::vector<Group> groups;
};

} // namespace

template <class Word> SelectionPtr<Word> makeKeySelection(SelectionShape<Word> shape) {
  return std::make_unique<KeySelection<Word>>(std::move(shape));
}
template SelectionPtr<uint32_t> makeKeySelection(SelectionShape<uint32_t>);
template SelectionPtr<uint64_t> makeKeySelection(SelectionShape<uint64_t>);

} // namespace gfs
