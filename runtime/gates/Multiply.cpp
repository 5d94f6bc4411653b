// SPDX-License-Identifier: Apache-2.0
// Multiply: masked x̂ = x + r, masked ŷ = y + s -> shared xy, element by element (Beaver's form).
// Nothing is sent.
//
//   xy = x̂ŷ - x̂ s - ŷ r + rs.  Server i holds r_i and s_i; dealt: [rs] (l bits).
#include "runtime/gates/Dealt.h"
#include "runtime/gates/Gates.h"

namespace gfs {

namespace {

template <class Word> class Multiply final : public Gate {
public:
  explicit Multiply(const GateSite &site)
      : ring(site.ring), count(site.resultElements()), dealt(site.step),
        product(dealt.words<Word>(ring.bits, count)) {}

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    dealt.addTo(cost);
    return cost;
  }

  void deal(DealContext &context) const override {
    std::span<const Word> r = context.mask<Word>(0), s = context.mask<Word>(1);
    DealtWriter<Word>(context).words(product, [&](size_t i) { return r[i] * s[i]; });
  }

  size_t preparedBytes() const override { return 2 * count * sizeof(Word); } // r_i, s_i
  uint64_t prepareUnits() const override { return unitsOf(count); }
  void prepare(PrepareContext &context, Range units) const override {
    const auto [first, end] = elementsOf(units, count);
    Word *r = context.prepared<Word>().data(), *s = r + count;
    std::copy_n(context.maskShare<Word>(0).data() + first, end - first, r + first);
    std::copy_n(context.maskShare<Word>(1).data() + first, end - first, s + first);
  }

  uint64_t units(unsigned) const override { return unitsOf(count); }
  bool elementwise(unsigned) const override { return true; }

  void evaluate(EvaluateContext &context, unsigned, Range units) const override {
    DealtReader<Word> reader(context);
    const Word *x = context.operand<Word>(0).data(), *y = context.operand<Word>(1).data();
    const Word *r = context.prepared<Word>().data(), *s = r + count;
    Word *result = context.result<Word>().data();
    const Word mine = context.party() == Party::Zero ? ~Word(0) : Word(0);
    SecretTile<Word> rs;
    forEachTile(elementsOf(units, count), [&](size_t first, size_t n) {
      reader.words(product, first, rs.first(n));
      for (size_t i = 0, at = first; i < n; ++i, ++at)
        result[at] = x[at] * ((y[at] & mine) - s[at]) - y[at] * r[at] + rs[i];
    });
  }

  void reference(ReferenceContext &context) const override {
    std::span<const Word> x = context.operand<Word>(0), y = context.operand<Word>(1);
    std::span<Word> result = context.result<Word>();
    const Word ringMask = ring.mask<Word>();
    for (size_t i = 0; i < count; ++i)
      result[i] = x[i] * y[i] & ringMask;
  }

private:
  Ring ring;
  uint64_t count;
  DealtLayout dealt;
  DealtArray product; ///< [rs]
};

} // namespace

GatePtr makeMultiply(const GateSite &site) { return makeForRing<Multiply>(site); }

} // namespace gfs
