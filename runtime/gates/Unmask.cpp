// SPDX-License-Identifier: Apache-2.0
// Unmask: masked x̂ = x + r -> shared x. Server 0 takes x̂ - r_0, server 1 takes -r_1. Nothing is
// sent or dealt.
#include "runtime/gates/Gates.h"
#include "runtime/gates/Tiles.h"

#include <algorithm>

namespace gfs {

namespace {

template <class Word> class Unmask final : public Gate {
public:
  explicit Unmask(const GateSite &site) : count(site.resultElements()) {}

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    return cost;
  }

  size_t preparedBytes() const override { return count * sizeof(Word); } // -r_i
  uint64_t prepareUnits() const override { return unitsOf(count); }
  void prepare(PrepareContext &context, Range units) const override {
    const auto [first, end] = elementsOf(units, count);
    const Word *r = context.maskShare<Word>(0).data();
    std::transform(r + first, r + end, context.prepared<Word>().data() + first,
                   [](Word word) { return Word(0) - word; });
  }

  uint64_t units(unsigned) const override { return unitsOf(count); }
  bool elementwise(unsigned) const override { return true; }

  void evaluate(EvaluateContext &context, unsigned, Range units) const override {
    const auto [first, end] = elementsOf(units, count);
    const Word *negated = context.prepared<Word>().data() + first;
    Word *result = context.result<Word>().data() + first;
    if (context.party() == Party::Zero)
      context.kernels().ring<Word>().add(context.operand<Word>(0).data() + first, negated, result,
                                         end - first);
    else
      std::copy_n(negated, end - first, result);
  }

  void reference(ReferenceContext &context) const override {
    std::span<const Word> x = context.operand<Word>(0);
    std::copy(x.begin(), x.end(), context.result<Word>().begin());
  }

private:
  uint64_t count;
};

} // namespace

GatePtr makeUnmask(const GateSite &site) { return makeForRing<Unmask>(site); }

} // namespace gfs
