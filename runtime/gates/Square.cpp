// SPDX-License-Identifier: Apache-2.0
// Square: masked ẑ = z + s -> shared v², v = z >> f. Nothing is sent.
//
// With v = P + V_t from Rescale.h: v² = P² + 2P V_t + V_t², where V_t = V_1 + (1-t) u 2^{l-f} and
//   V_t² = V_1² + (1-t) 2^{l-f} q,   q = u (2 V_1 + 2^{l-f}).
// Dealt: [V_1], [V_1²] (l bits each), [u], [q] (f bits each: they only meet 2^{l-f}).
#include "runtime/gates/Dealt.h"
#include "runtime/gates/Gates.h"
#include "runtime/gates/Rescale.h"

namespace gfs {

namespace {

template <class Word> class Square final : public Gate {
public:
  explicit Square(const GateSite &site)
      : ring(site.ring), rescale(site.ring, site.step.square().shift()),
        count(site.resultElements()) {}

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    for (unsigned bits : {ring.bits, ring.bits, rescale.bits(), rescale.bits()})
      DealtCost{cost}.words<Word>(bits, count);
    return cost;
  }

  void deal(DealContext &context) const override {
    const Rescale<Word> r = rescale; // a copy no store can change: loops vectorise
    std::span<const Word> s = context.mask<Word>(0);
    DealtWriter<Word> dealt(context);
    dealt.words(ring.bits, count, [&](size_t i) { return r.ifTopSet(s[i]); });
    dealt.words(ring.bits, count, [&](size_t i) { return r.ifTopSet(s[i]) * r.ifTopSet(s[i]); });
    dealt.words(rescale.bits(), count, [&](size_t i) { return r.carry(s[i]); });
    dealt.words(rescale.bits(), count,
                [&](size_t i) { return r.carry(s[i]) * (2 * r.ifTopSet(s[i]) + r.wrap(1)); });
    dealt.finish();
  }

  void prepare(PrepareContext &context) const override {
    std::span<Word> storage = context.prepared<Word>(4 * count);
    DealtReader<Word> dealt(context);
    for (size_t part = 0; part < 4; ++part)
      dealt.words(part < 2 ? ring.bits : rescale.bits(), storage.subspan(part * count, count));
  }

  void evaluate(EvaluateContext &context, unsigned) const override {
    const Word *v = context.prepared<Word>().data(), *vv = v + count, *u = vv + count,
               *q = u + count;
    context.kernels().ring<Word>().square(
        {ring.bits, rescale.bits()}, context.party() == Party::Zero,
        context.operand<Word>(0).data(), {v, vv, u, q}, count, context.result<Word>().data());
  }

  void reference(ReferenceContext &context) const override {
    const Rescale<Word> r = rescale; // a copy no store can change: loops vectorise
    std::span<const Word> z = context.operand<Word>(0), s = context.mask<Word>(0);
    std::span<Word> result = context.result<Word>();
    const Word ringMask = ring.mask<Word>();
    for (size_t i = 0; i < count; ++i) {
      Word v = r.together(z[i] + s[i], s[i]);
      result[i] = v * v & ringMask;
    }
  }

private:
  Ring ring;
  Rescale<Word> rescale;
  uint64_t count;
};

} // namespace

GatePtr makeSquare(const GateSite &site) { return makeForRing<Square>(site); }

} // namespace gfs
