// SPDX-License-Identifier: Apache-2.0
// Truncate: masked ẑ = z + s -> shared z >> f, with the formula of Rescale.h. Nothing is sent.
//
// Dealt: [V_0] (l bits) and [u] (f bits, they only meet 2^{l-f}). Online: [y]_i = P·1{i=0} +
// [V_0]_i - t 2^{l-f} [u]_i.
#include "runtime/gates/Dealt.h"
#include "runtime/gates/Gates.h"
#include "runtime/gates/Rescale.h"

namespace gfs {

namespace {

template <class Word> class Truncate final : public Gate {
public:
  explicit Truncate(const GateSite &site)
      : ring(site.ring), rescale(site.ring, site.step.truncate().shift()),
        count(site.resultElements()) {}

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    DealtCost{cost}.words<Word>(ring.bits, count);
    DealtCost{cost}.words<Word>(rescale.bits(), count);
    return cost;
  }

  void deal(DealContext &context) const override {
    const Rescale<Word> r = rescale; // a copy no store can change: loops vectorise
    std::span<const Word> s = context.mask<Word>(0);
    DealtWriter<Word> dealt(context);
    dealt.words(ring.bits, count, [&](size_t i) { return r.ifTopClear(s[i]); });
    dealt.words(rescale.bits(), count, [&](size_t i) { return r.carry(s[i]); });
    dealt.finish();
  }

  void prepare(PrepareContext &context) const override {
    std::span<Word> storage = context.prepared<Word>(2 * count);
    DealtReader<Word> dealt(context);
    dealt.words(ring.bits, storage.first(count));
    dealt.words(rescale.bits(), storage.last(count));
  }

  void evaluate(EvaluateContext &context, unsigned) const override {
    const Word *ifTopClear = context.prepared<Word>().data(), *carry = ifTopClear + count;
    context.kernels().ring<Word>().truncate(
        {ring.bits, rescale.bits()}, context.party() == Party::Zero,
        context.operand<Word>(0).data(), {ifTopClear, carry}, count, context.result<Word>().data());
  }

  void reference(ReferenceContext &context) const override {
    const Rescale<Word> r = rescale; // a copy no store can change: loops vectorise
    std::span<const Word> z = context.operand<Word>(0), s = context.mask<Word>(0);
    std::span<Word> result = context.result<Word>();
    for (size_t i = 0; i < count; ++i)
      result[i] = r.together(z[i] + s[i], s[i]);
  }

private:
  Ring ring;
  Rescale<Word> rescale;
  uint64_t count;
};

} // namespace

GatePtr makeTruncate(const GateSite &site) { return makeForRing<Truncate>(site); }

} // namespace gfs
