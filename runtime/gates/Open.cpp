// SPDX-License-Identifier: Apache-2.0
// Open: shared x -> masked x̂ = x + r.
//
// Each server sends [x]_i + r_i and adds up what it has and gets. r_i is the next piece of server
// i's own stream for this step, so masks cost no communication. Server i sees x + r with r_{1-i}
// uniform and used here only: x̂ is uniform and independent of x, given all it knows.
#include "runtime/gates/Gates.h"

#include <algorithm>

namespace gfs {

namespace {

template <class Word> class Open final : public Gate {
public:
  explicit Open(const GateSite &site) : ring(site.ring), count(site.resultElements()) {}

  Cost cost() const override {
    Cost cost;
    cost.messageBytes = {packedBytes(count, ring.bits)};
    cost.prgBytes = count * sizeof(Word);
    return cost;
  }

  void mask(MaskContext &context) const override {
    std::span<Word> r = context.resultMask<Word>();
    SecretVector<Word> r1(count);
    context.stream(Party::Zero, maskStream).fillWords(r);
    context.stream(Party::One, maskStream).fillWords(std::span<Word>(r1));
    const auto &kernels = context.kernels().ring<Word>();
    kernels.add(r.data(), r1.data(), r.data(), count);
    kernels.reduce(ring.bits, r.data(), count);
  }

  void prepare(PrepareContext &context) const override {
    std::span<Word> r = context.resultMaskShare<Word>();
    context.stream(maskStream).fillWords(r);
    std::copy(r.begin(), r.end(), context.prepared<Word>(count).begin());
  }

  void evaluate(EvaluateContext &context, unsigned phase) const override {
    const auto &kernels = context.kernels().ring<Word>();
    const Word *x = context.operand<Word>(0).data(), *r = context.prepared<Word>().data();
    if (phase == 0)
      kernels.maskAndPack(ring.bits, x, r, count, context.outgoing().data());
    else
      kernels.unpackAndOpen(ring.bits, x, r, context.incoming().data(), count,
                            context.result<Word>().data());
  }

  void reference(ReferenceContext &context) const override {
    std::span<const Word> x = context.operand<Word>(0);
    std::copy(x.begin(), x.end(), context.result<Word>().begin());
  }

private:
  static constexpr uint16_t maskStream = static_cast<uint16_t>(Stream::Mask);
  Ring ring;
  uint64_t count;
};

} // namespace

GatePtr makeOpen(const GateSite &site) { return makeForRing<Open>(site); }

} // namespace gfs
