// SPDX-License-Identifier: Apache-2.0
// AddWeight: shared x -> shared x + w. Each server adds its share of w (server 0 all of it, if
// weights are public).
#include "runtime/gates/Gates.h"
#include "runtime/gates/Tiles.h"

#include <algorithm>

namespace gfs {

namespace {

template <class Word> class AddWeight final : public Gate {
public:
  explicit AddWeight(const GateSite &site)
      : ring(site.ring), weight(site.step.add_weight().weight()), count(site.resultElements()) {}

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    return cost;
  }

  uint64_t units(unsigned) const override { return unitsOf(count); }
  bool elementwise(unsigned) const override { return true; }

  void evaluate(EvaluateContext &context, unsigned, Range units) const override {
    const auto [first, end] = elementsOf(units, count);
    const Word *x = context.operand<Word>(0).data() + first;
    Word *result = context.result<Word>().data() + first;
    std::span<const Word> share = context.weightShare<Word>(weight);
    if (share.empty())
      std::copy_n(x, end - first, result);
    else
      context.kernels().ring<Word>().add(x, share.data() + first, result, end - first);
  }

  void reference(ReferenceContext &context) const override {
    const auto &kernels = context.kernels().ring<Word>();
    std::span<Word> result = context.result<Word>();
    kernels.add(context.operand<Word>(0).data(), context.clearWeight<Word>(weight).data(),
                result.data(), count);
    kernels.reduce(ring.bits, result.data(), count);
  }

private:
  Ring ring;
  uint32_t weight;
  uint64_t count;
};

} // namespace

GatePtr makeAddWeight(const GateSite &site) { return makeForRing<AddWeight>(site); }

} // namespace gfs
