// SPDX-License-Identifier: Apache-2.0
// Input: the client's share of an input becomes a shared value. The client drew the shares from a
// CSPRNG, so each alone is uniform.
#include "runtime/gates/Gates.h"

#include <algorithm>

namespace gfs {

namespace {

template <class Word> class Input final : public Gate {
public:
  explicit Input(const GateSite &site)
      : ring(site.ring), port(site.step.input().port()), count(site.resultElements()) {}

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    return cost;
  }

  void evaluate(EvaluateContext &context, unsigned) const override {
    context.kernels().ring<Word>().unpack(ring.bits, context.clientInput(port).data(), count,
                                          context.result<Word>().data());
  }

  void reference(ReferenceContext &context) const override {
    std::span<const Word> x = context.clearInput<Word>(port);
    std::copy(x.begin(), x.end(), context.result<Word>().begin());
  }

private:
  Ring ring;
  uint32_t port;
  uint64_t count;
};

} // namespace

GatePtr makeInput(const GateSite &site) { return makeForRing<Input>(site); }

} // namespace gfs
