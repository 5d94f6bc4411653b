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
  explicit Multiply(const GateSite &site) : ring(site.ring), count(site.resultElements()) {}

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    DealtCost{cost}.words<Word>(ring.bits, count);
    return cost;
  }

  void deal(DealContext &context) const override {
    std::span<const Word> r = context.mask<Word>(0), s = context.mask<Word>(1);
    DealtWriter<Word> dealt(context);
    dealt.words(ring.bits, count, [&](size_t i) { return r[i] * s[i]; });
    dealt.finish();
  }

  void prepare(PrepareContext &context) const override {
    std::span<Word> storage = context.prepared<Word>(3 * count);
    std::span<const Word> r = context.maskShare<Word>(0), s = context.maskShare<Word>(1);
    std::copy(r.begin(), r.end(), storage.begin());
    std::copy(s.begin(), s.end(), storage.begin() + static_cast<ptrdiff_t>(count));
    DealtReader<Word>(context).words(ring.bits, storage.last(count));
  }

  void evaluate(EvaluateContext &context, unsigned) const override {
    const Word *x = context.operand<Word>(0).data(), *y = context.operand<Word>(1).data();
    const Word *r = context.prepared<Word>().data(), *s = r + count, *rs = s + count;
    Word *result = context.result<Word>().data();
    const Word mine = context.party() == Party::Zero ? ~Word(0) : Word(0);
    for (size_t i = 0; i < count; ++i)
      result[i] = x[i] * ((y[i] & mine) - s[i]) - y[i] * r[i] + rs[i];
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
};

} // namespace

GatePtr makeMultiply(const GateSite &site) { return makeForRing<Multiply>(site); }

} // namespace gfs
