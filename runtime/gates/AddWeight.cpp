// SPDX-License-Identifier: Apache-2.0
// AddWeight: shared x -> shared x + w. Each server adds its share of w (server 0 all of it, if
// weights are public).
#include "runtime/gates/Gates.h"

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

  void evaluate(EvaluateContext &context, unsigned) const override {
    std::span<const Word> x = context.operand<Word>(0), share = context.weightShare<Word>(weight);
    if (share.empty())
      std::copy(x.begin(), x.end(), context.result<Word>().begin());
    else
      context.kernels().ring<Word>().add(x.data(), share.data(), context.result<Word>().data(),
                                         count);
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
