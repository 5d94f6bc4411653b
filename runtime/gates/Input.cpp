// SPDX-License-Identifier: Apache-2.0
// Input: the client's share of an input becomes a shared value. The client drew the shares from a
// CSPRNG, so each alone is uniform.
#include "runtime/gates/Gates.h"
#include "runtime/gates/Tiles.h"

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

  uint64_t units(unsigned) const override { return unitsOf(count); }
  bool elementwise(unsigned) const override { return true; }

  void evaluate(EvaluateContext &context, unsigned, Range units) const override {
    const auto [first, end] = elementsOf(units, count);
    context.kernels().ring<Word>().unpack(
        ring.bits, context.clientInput(port).data() + packedBytes(first, ring.bits), end - first,
        context.result<Word>().data() + first);
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
