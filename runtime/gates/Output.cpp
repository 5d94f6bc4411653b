// SPDX-License-Identifier: Apache-2.0
// Output: a shared value goes to the client.
//
// Server 0 adds and server 1 subtracts the same word of a stream both know and the client does not.
// The two shares the client gets are then uniform but for their sum: they tell it nothing about how
// the value was computed.
#include "runtime/gates/Gates.h"
#include "runtime/gates/Tiles.h"

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

  uint64_t units(unsigned) const override { return unitsOf(count); }
  bool elementwise(unsigned) const override { return true; }

  void evaluate(EvaluateContext &context, unsigned, Range units) const override {
    const auto &kernels = context.kernels().ring<Word>();
    Prg stream = context.commonStream(static_cast<uint16_t>(Stream::Mask));
    const Word *x = context.operand<Word>(0).data();
    uint8_t *out = context.clientOutput(port).data();
    auto combine = context.party() == Party::Zero ? kernels.add : kernels.sub;
    SecretTile<Word> share;
    forEachTile(elementsOf(units, count), [&](size_t first, size_t n) {
      stream.fillWordsFrom(first, share.first(n));
      combine(x + first, share.data(), share.data(), n);
      kernels.pack(ring.bits, share.data(), n, out + packedBytes(first, ring.bits));
    });
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
