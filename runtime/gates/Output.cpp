// SPDX-License-Identifier: Apache-2.0
// Output: a shared value goes to the client.
//
// Server 0 adds and server 1 subtracts the same word of a stream both know and the client does not.
// The two shares the client gets are then uniform but for their sum: they tell it nothing about how
// the value was computed.
#include "runtime/gates/Gates.h"

#include <algorithm>

namespace gfs {

namespace {

template <class Word> class Output final : public Gate {
public:
  explicit Output(const GateSite &site)
      : ring(site.ring), port(site.step.output().port()), count(site.operandElements(0)) {}

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    cost.prgBytes = count * sizeof(Word);
    return cost;
  }

  void evaluate(EvaluateContext &context, unsigned) const override {
    const auto &kernels = context.kernels().ring<Word>();
    SecretVector<Word> share(count);
    context.commonStream(static_cast<uint16_t>(Stream::Mask)).fillWords(std::span<Word>(share));
    auto combine = context.party() == Party::Zero ? kernels.add : kernels.sub;
    combine(context.operand<Word>(0).data(), share.data(), share.data(), count);
    kernels.pack(ring.bits, share.data(), count, context.clientOutput(port).data());
  }

  void reference(ReferenceContext &context) const override {
    std::span<const Word> x = context.operand<Word>(0);
    std::copy(x.begin(), x.end(), context.clearOutput<Word>(port).begin());
  }

private:
  Ring ring;
  uint32_t port;
  uint64_t count;
};

} // namespace

GatePtr makeOutput(const GateSite &site) { return makeForRing<Output>(site); }

} // namespace gfs
