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
        count(site.resultElements()), dealt(site.step),
        ifTopClear(dealt.words<Word>(ring.bits, count)),
        carry(dealt.words<Word>(rescale.bits(), count)) {}

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    dealt.addTo(cost);
    return cost;
  }

  void deal(DealContext &context) const override {
    const Rescale<Word> r = rescale; // a copy no store can change: loops vectorise
    std::span<const Word> s = context.mask<Word>(0);
    DealtWriter<Word> writer(context);
    writer.words(ifTopClear, [&](size_t i) { return r.ifTopClear(s[i]); });
    writer.words(carry, [&](size_t i) { return r.carry(s[i]); });
  }

  uint64_t units(unsigned) const override { return unitsOf(count); }
  bool elementwise(unsigned) const override { return true; }

  void evaluate(EvaluateContext &context, unsigned, Range units) const override {
    DealtReader<Word> reader(context);
    const Word *masked = context.operand<Word>(0).data();
    Word *result = context.result<Word>().data();
    const bool addsPublic = context.party() == Party::Zero;
    SecretTile<Word> v, u;
    forEachTile(elementsOf(units, count), [&](size_t first, size_t n) {
      reader.words(ifTopClear, first, v.first(n));
      reader.words(carry, first, u.first(n));
      context.kernels().ring<Word>().truncate({ring.bits, rescale.bits()}, addsPublic,
                                              masked + first, {v.data(), u.data()}, n,
                                              result + first);
    });
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
  DealtLayout dealt;
  DealtArray ifTopClear, carry; ///< [V_0], [u]
};

} // namespace

GatePtr makeTruncate(const GateSite &site) { return makeForRing<Truncate>(site); }

} // namespace gfs
