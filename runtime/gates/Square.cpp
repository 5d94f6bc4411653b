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
        count(site.resultElements()), dealt(site.step) {
    for (size_t k = 0; k < arrays.size(); ++k)
      arrays[k] = dealt.words<Word>(k < 2 ? ring.bits : rescale.bits(), count);
  }

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
    const auto &[v, vv, u, q] = arrays;
    writer.words(v, [&](size_t i) { return r.ifTopSet(s[i]); });
    writer.words(vv, [&](size_t i) { return r.square(s[i]); });
    writer.words(u, [&](size_t i) { return r.carry(s[i]); });
    writer.words(q, [&](size_t i) { return r.crossTerm(s[i]); });
  }

  uint64_t units(unsigned) const override { return unitsOf(count); }
  bool elementwise(unsigned) const override { return true; }

  void evaluate(EvaluateContext &context, unsigned, Range units) const override {
    DealtReader<Word> reader(context);
    const Word *masked = context.operand<Word>(0).data();
    Word *result = context.result<Word>().data();
    const bool addsPublic = context.party() == Party::Zero;
    std::array<SecretTile<Word>, 4> shares;
    forEachTile(elementsOf(units, count), [&](size_t first, size_t n) {
      for (size_t k = 0; k < arrays.size(); ++k)
        reader.words(arrays[k], first, shares[k].first(n));
      context.kernels().ring<Word>().square(
          {ring.bits, rescale.bits()}, addsPublic, masked + first,
          {shares[0].data(), shares[1].data(), shares[2].data(), shares[3].data()}, n,
          result + first);
    });
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
  DealtLayout dealt;
  std::array<DealtArray, 4> arrays; ///< [V_1], [V_1²], [u], [q]
};

} // namespace

GatePtr makeSquare(const GateSite &site) { return makeForRing<Square>(site); }

} // namespace gfs
