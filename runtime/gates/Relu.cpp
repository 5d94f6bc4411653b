// SPDX-License-Identifier: Apache-2.0
// Relu by an opened comparison: masked ẑ = z + s -> shared D·v, D = 1{z >= 0}, v = z >> f.
//
// Comparison.h gives public g and D = g ^ ρ; Rescale.h gives v = P + V_t with public P and t. As D
// = g + (1-2g)ρ,
//   D·v = g (P + V_t) + (1-2g) (P ρ + ρV_t),   V_t = V_0 - t u 2^{l-f},   ρV_t = ρV_0 - t ρu
//   2^{l-f}.
// Dealt: [ρ], [V_0], [ρV_0] (l bits each), [u], [ρu] (f bits each), and the comparison's material.
// A server sees what the comparison opens, uniform bits, and its uniform shares.
#include "runtime/gates/Comparison.h"

namespace gfs {

namespace {

template <class Word> class Relu final : public Gate {
public:
  explicit Relu(const GateSite &site)
      : ring(site.ring), count(site.resultElements()), rescale(site.ring, site.step.relu().shift()),
        signs(site.ring, {site.step.relu().window().low(), site.step.relu().window().high()}),
        comparison(makeComparison<Word>(site.step.relu().window(),
                                        {site.ring, site.step.relu().window(), count, {Word(0)}})),
        phases(plan::phaseCount(site.step)) {}

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    comparison->addCost(cost);
    for (unsigned bits : arrayBits())
      DealtCost{cost}.words<Word>(bits, count);
    return cost;
  }

  void deal(DealContext &context) const override {
    const Rescale<Word> r = rescale; // a copy no store can change: loops vectorise
    std::span<const Word> s = context.mask<Word>(0);
    DealtWriter<Word> dealt(context);
    comparison->deal(context, dealt);
    SecretVector<uint8_t> rho = comparison->selectorMasks(context);
    auto keep = [&](size_t i) { return Word(0) - Word(bitAt(rho, i)); };
    dealt.words(ring.bits, count, [&](size_t i) { return Word(bitAt(rho, i)); });
    dealt.words(ring.bits, count, [&](size_t i) { return r.ifTopClear(s[i]); });
    dealt.words(ring.bits, count, [&](size_t i) { return r.ifTopClear(s[i]) & keep(i); });
    dealt.words(rescale.bits(), count, [&](size_t i) { return r.carry(s[i]); });
    dealt.words(rescale.bits(), count, [&](size_t i) { return r.carry(s[i]) & keep(i); });
    dealt.finish();
  }

  void prepare(PrepareContext &context) const override {
    std::span<std::byte> storage =
        context.prepared(comparison->preparedBytes() + arrays * Carver::bytes<Word>(count));
    DealtReader<Word> dealt(context);
    comparison->prepare(context, dealt, storage.first(comparison->preparedBytes()));
    Carver carver(storage.subspan(comparison->preparedBytes()));
    for (unsigned bits : arrayBits())
      dealt.words(bits, carver.take<Word>(count));
  }

  void evaluate(EvaluateContext &context, unsigned phase) const override {
    std::span<std::byte> storage = context.prepared();
    std::span<std::byte> comparing = storage.first(comparison->preparedBytes());
    if (phase + 1 < phases)
      return comparison->send(context, phase, comparing);
    std::span<const uint8_t> g = comparison->open(context, comparing);
    Carver carver(storage.subspan(comparison->preparedBytes()));
    auto next = [&] { return carver.take<Word>(count).data(); };
    // Braces evaluate in order, that of arrayBits().
    const ReluShares<Word> shares = {next(), next(), next(), next(), next()};
    context.kernels().ring<Word>().reluSelect(
        {ring.bits, rescale.bits()}, context.party() == Party::Zero,
        context.operand<Word>(0).data(), g.data(), shares, count, context.result<Word>().data());
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
  static constexpr size_t arrays = 5;
  std::array<unsigned, arrays> arrayBits() const {
    return {ring.bits, ring.bits, ring.bits, rescale.bits(), rescale.bits()};
  }

  Ring ring;
  uint64_t count;
  Rescale<Word> rescale;
  SignBits<Word> signs;
  ComparisonPtr<Word> comparison;
  unsigned phases;
};

} // namespace

GatePtr makeRelu(const GateSite &site) {
  if (site.step.relu().window().protocol() == plan::SignWindow::DCF)
    return makeReluByKey(site);
  return makeForRing<Relu>(site);
}

} // namespace gfs
