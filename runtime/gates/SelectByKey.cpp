// SPDX-License-Identifier: Apache-2.0
// Selection by comparison keys, without an exchange. With b = bit_n(Sk), a = Sk mod 2^n and
// c = 1{X mod 2^n < a}:
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
    DealtKeys keys;
  };

public:
  KeySelection(SelectionShape<Word> shape, DealtLayout &dealt) : Base(std::move(shape)) {
    // Terms of no bits are zero and are left out.
    for (size_t k = 0; k < this->shape.terms();) {
      std::vector<unsigned> bits;
      size_t first = k;
      while (k < this->shape.terms() && this->shape.termBits[k] > 0 && bits.size() < keyGroupWords)
        bits.push_back(this->shape.termBits[k++]);
      if (bits.empty())
        ++k;
      else
        groups.push_back({first, Dcf(this->shape.comparison.window.bits(), bits), {}});
    }
    for (Group &group : groups)
      group.keys = dealt.keys(this->shape.count() * group.dcf.keyBytes());
    for (unsigned bits : this->shape.termBits)
      ifTop.push_back(dealt.words<Word>(bits, this->shape.count()));
    this->layOutTerms(dealt);
  }

  void addCost(Cost &cost) const override {
    for (const Group &group : groups) {
      cost.prgBytes += rootBytes();
      cost.aesBlocks += shape.thresholds() * shape.count() * group.dcf.aesBlocks();
    }
  }

  void send(EvaluateContext &, unsigned, Range) const override {}

private:
  void dealOwn(DealContext &context, DealtWriter<Word> &writer,
               std::span<const SecretVector<Word>> terms) const override {
    const SignBits<Word> signs = shape.comparison.signs();
    std::span<const Word> s = context.mask<Word>(0);
    for (const Group &group : groups)
      dealKeys(context, terms, group);
    for (size_t k = 0; k < shape.terms(); ++k)
      writer.words(ifTop[k], [&](size_t i) {
        return allOnesIf(signs.maskBit(s[i])) & Base::term(terms, k, i);
      });
  }

  void dealKeys(DealContext &context, std::span<const SecretVector<Word>> terms,
                const Group &group) const {
    const SignBits<Word> signs = shape.comparison.signs();
    std::span<const Word> s = context.mask<Word>(0);
    auto keysOf = [&](Party party) {
      return context.material(party).subspan(group.keys.offset[index(party)], group.keys.size);
    };
    std::span<uint8_t> keys1 = keysOf(Party::One);
    std::array<SecretVector<uint8_t>, 2> roots = {SecretVector<uint8_t>(rootBytes()),
                                                  SecretVector<uint8_t>(rootBytes())};
    for (Party party : {Party::Zero, Party::One})
      context.stream(party, rootStreamOf(group)).fill(roots[index(party)]);
    SecretVector<uint64_t> alpha(tileElements), payload(tileElements * group.dcf.words());
    forEachTile(shape.count(), [&](size_t first, size_t n) {
      for (size_t i = 0; i < n; ++i) {
        alpha[i] = signs.maskIndex(s[first + i]);
        const Word b = allOnesIf(signs.maskBit(s[first + i]));
        for (size_t w = 0; w < group.dcf.words(); ++w)
          payload[w * n + i] = (Base::term(terms, group.first + w, first + i) ^ b) - b;
      }
      auto part = [&](std::span<const uint8_t> all, size_t each) {
        return all.subspan(first * each, n * each);
      };
      group.dcf.generate(part(roots[0], Dcf::rootBytes), part(roots[1], Dcf::rootBytes),
                         std::span(alpha).first(n), std::span(payload).first(n * group.dcf.words()),
                         keys1.subspan(first * group.dcf.keyBytes(), n * group.dcf.keyBytes()));
    });
    std::copy(keys1.begin(), keys1.end(), keysOf(Party::Zero).begin());
  }

  void hidden(EvaluateContext &context, size_t j, size_t first, size_t n, Word *g,
              typename Base::Rows &rows) const override {
    const SignBits<Word> signs = shape.comparison.signs();
    const Word *masked = context.template operand<Word>(0).data() + first;
    uint64_t x[tileElements];
    for (size_t i = 0; i < n; ++i) {
      Word position = signs.index(masked[i], shape.comparison.thresholds[j]);
      x[i] = signs.low(position);
      g[i] = signs.publicBit(position);
    }
    DealtReader<Word> reader(context);
    for (size_t k = 0; k < shape.terms(); ++k)
      reader.words(ifTop[k], first, rows[k].first(n));
    SecretVector<uint8_t> roots(n * Dcf::rootBytes);
    SecretVector<uint64_t> selected(n * keyGroupWords);
    for (const Group &group : groups) {
      const size_t keySize = group.dcf.keyBytes(), words = group.dcf.words();
      context.stream(rootStreamOf(group)).fillFrom(first * Dcf::rootBytes, roots);
      std::span<const uint8_t> keys = group.keys.in(context.material(), context.party());
      group.dcf.evaluate(context.party(), roots, keys.subspan(first * keySize, n * keySize), {x, n},
                         std::span(selected).first(n * words));
      for (size_t w = 0; w < words; ++w) {
        Word *row = rows[group.first + w].data();
        for (size_t i = 0; i < n; ++i)
          row[i] += static_cast<Word>(selected[w * n + i]);
      }
    }
  }

  size_t rootBytes() const { return shape.count() * Dcf::rootBytes; }
  uint16_t rootStreamOf(const Group &group) const {
    return static_cast<uint16_t>(rootStream + (&group - groups.data()));
  }

  std::vector<Group> groups;
  std::vector<DealtArray> ifTop; ///< [b w_k]
};

} // namespace

template <class Word>
SelectionPtr<Word> makeKeySelection(SelectionShape<Word> shape, DealtLayout &dealt) {
  return std::make_unique<KeySelection<Word>>(std::move(shape), dealt);
}
template SelectionPtr<uint32_t> makeKeySelection(SelectionShape<uint32_t>, DealtLayout &);
template SelectionPtr<uint64_t> makeKeySelection(SelectionShape<uint64_t>, DealtLayout &);

} // namespace gfs
