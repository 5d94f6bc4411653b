// SPDX-License-Identifier: Apache-2.0
// Relu by an opened comparison: masked ẑ = z + s -> shared D·v, D = 1{z >= 0}, v = z >> f.
//
// Comparison.h gives public g and D = g ^ ρ; Rescale.h gives v = P + V_t with public P and t.
// As D = g + (1-2g) ρ,
//   D·v = g (P + V_t) + (1-2g) (P ρ + ρV_t),
//   V_t = V_0 - t u 2^{l-f},   ρV_t = ρV_0 - t ρu 2^{l-f}.
// Dealt: [ρ], [V_0], [ρV_0] (l bits each), [u], [ρu] (f bits each), and the comparison's material.
// A server sees what the comparison opens, uniform bits, and its uniform shares.
//
// How a sign is found, with the exchanges, the opening included: CompareTable.cpp (2) and
// CompareOneHot.cpp (2 + ceil(log2(chunks))), both behind Comparison.h. By comparison key (1) a Relu
// is the spline with the pieces 0 and v: Spline.cpp, SelectByKey.cpp.
#include "runtime/gates/Comparison.h"

namespace gfs {

namespace {

template <class Word> class Relu final : public Gate {
public:
  explicit Relu(const GateSite &site)
      : ring(site.ring), count(site.resultElements()), rescale(site.ring, site.step.relu().shift()),
        signs(site.ring, {site.step.relu().window().low(), site.step.relu().window().high()}),
        dealt(site.step),
        comparison(makeComparison<Word>(site.step.relu().window(),
                                        {site.ring, site.step.relu().window(), count, {Word(0)}},
                                        dealt)),
        phases(plan::phaseCount(site.step)) {
    const unsigned l = ring.bits, f = rescale.bits();
    for (size_t k = 0; k < arrays.size(); ++k)
      arrays[k] = dealt.words<Word>(std::array{l, l, l, f, f}[k], count);
  }

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    comparison->addCost(cost);
    dealt.addTo(cost);
    return cost;
  }

  void deal(DealContext &context) const override {
    const Rescale<Word> r = rescale; // a copy no store can change: loops vectorise
    std::span<const Word> s = context.mask<Word>(0);
    DealtWriter<Word> writer(context);
    comparison->deal(context, writer);
    SecretVector<uint8_t> selectorMasks = comparison->selectorMasks(context);
    auto keep = [&](size_t i) { return Word(0) - Word(bitAt(selectorMasks, i)); };
    const auto &[rho, v, rhoV, u, rhoU] = arrays;
    writer.words(rho, [&](size_t i) { return Word(bitAt(selectorMasks, i)); });
    writer.words(v, [&](size_t i) { return r.ifTopClear(s[i]); });
    writer.words(rhoV, [&](size_t i) { return r.ifTopClear(s[i]) & keep(i); });
    writer.words(u, [&](size_t i) { return r.carry(s[i]); });
    writer.words(rhoU, [&](size_t i) { return r.carry(s[i]) & keep(i); });
  }

  size_t preparedBytes() const override { return comparison->scratchBytes(); }

  uint64_t units(unsigned) const override { return unitsOf(count); }
  bool elementwise(unsigned) const override { return true; }
  /// One bit per element where there is one threshold and one exchange.
  uint64_t messagePrefix(unsigned, uint64_t units) const override {
    return phases == 2 ? packedBytes(elementsOf({0, units}, count).end, 1) : 0;
  }

  void evaluate(EvaluateContext &context, unsigned phase, Range units) const override {
    if (phase + 1 < phases)
      comparison->send(context, phase, units);
    else
      select(context, units);
  }

  void reference(ReferenceContext &context) const override {
    const Rescale<Word> r = rescale; // copies no store can change: loops vectorise
    const SignBits<Word> sign = signs;
    std::span<const Word> z = context.operand<Word>(0), s = context.mask<Word>(0);
    std::span<Word> result = context.result<Word>();
    for (size_t i = 0; i < count; ++i) {
      Word masked = z[i] + s[i];
      result[i] = r.together(masked, s[i]) & (Word(0) - sign.together(masked, 0, s[i]));
    }
  }

private:
  void select(EvaluateContext &context, Range units) const {
    DealtReader<Word> reader(context);
    const Word *masked = context.operand<Word>(0).data();
    Word *result = context.result<Word>().data();
    const bool addsPublic = context.party() == Party::Zero;
    uint8_t g[tileElements / 8];
    std::array<SecretTile<Word>, 5> shares;
    forEachTile(elementsOf(units, count), [&](size_t first, size_t n) {
      comparison->opened(context, 0, first, n, g);
      for (size_t k = 0; k < arrays.size(); ++k)
        reader.words(arrays[k], first, shares[k].first(n));
      const auto &[rho, v, rhoV, u, rhoU] = shares;
      context.kernels().ring<Word>().reluSelect(
          {ring.bits, rescale.bits()}, addsPublic, masked + first, g,
          {rho.data(), v.data(), rhoV.data(), u.data(), rhoU.data()}, n, result + first);
    });
  }

  Ring ring;
  uint64_t count;
  Rescale<Word> rescale;
  SignBits<Word> signs;
  DealtLayout dealt;
  ComparisonPtr<Word> comparison;
  unsigned phases;
  std::array<DealtArray, 5> arrays; ///< [ρ], [V_0], [ρV_0], [u], [ρu]
};

} // namespace

GatePtr makeRelu(const GateSite &site) {
  if (site.step.relu().window().protocol() == plan::SignWindow::DCF)
    return makeReluByKey(site);
  return makeForRing<Relu>(site);
}

} // namespace gfs
