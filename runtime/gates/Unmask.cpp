// SPDX-License-Identifier: Apache-2.0
// Unmask: masked x̂ = x + r -> shared x. Server 0 takes x̂ - r_0, server 1 takes -r_1. Nothing is
// sent or dealt.
#include "runtime/gates/Gates.h"

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

  void prepare(PrepareContext &context) const override {
    std::span<const Word> r = context.maskShare<Word>(0);
    std::span<Word> negated = context.prepared<Word>(count);
    std::transform(r.begin(), r.end(), negated.begin(), [](Word word) { return Word(0) - word; });
  }

  void evaluate(EvaluateContext &context, unsigned) const override {
    std::span<Word> negated = context.prepared<Word>(), result = context.result<Word>();
    if (context.party() == Party::Zero)
      context.kernels().ring<Word>().add(context.operand<Word>(0).data(), negated.data(),
                                         result.data(), count);
    else
      std::copy_n(negated.begin(), count, result.begin());
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
