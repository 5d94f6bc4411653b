// SPDX-License-Identifier: Apache-2.0
// Open: shared x -> masked x̂ = x + r.
//
// Each server sends [x]_i + r_i and adds up what it sent and gets. r_i is server i's own stream for
// this step, so masks cost no communication; it is expanded in cache where it is used, which is
// faster than to read it from memory. Server i sees x + r with r_{1-i} uniform and used here only:
// x̂ is uniform and independent of x, given all it knows.
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
    context.stream(maskStream).fillWords(context.resultMaskShare<Word>());
  }

  void evaluate(EvaluateContext &context, unsigned phase) const override {
    if (phase == 0)
      send(context);
    else
      context.kernels().ring<Word>().unpackAndAdd(ring.bits, context.sent().data(),
                                                  context.incoming().data(), count,
                                                  context.result<Word>().data());
  }

  void reference(ReferenceContext &context) const override {
    std::span<const Word> x = context.operand<Word>(0);
    std::copy(x.begin(), x.end(), context.result<Word>().begin());
  }

private:
  static constexpr uint16_t maskStream = static_cast<uint16_t>(Stream::Mask);
  static constexpr size_t block = 2048; ///< Elements handled at a time in L1; a multiple of 8.

  void send(EvaluateContext &context) const {
    const Word *x = context.operand<Word>(0).data();
    uint8_t *message = context.outgoing().data();
    Prg stream = context.stream(maskStream);
    SecretVector<Word> r(std::min<size_t>(block, count));
    for (size_t first = 0; first < count; first += block) {
      const size_t n = std::min<size_t>(block, count - first);
      stream.fillWords(std::span(r).first(n));
      context.kernels().ring<Word>().maskAndPack(ring.bits, x + first, r.data(), n,
                                                 message + first / 8 * ring.bits);
    }
  }

  Ring ring;
  uint64_t count;
};

} // namespace

GatePtr makeOpen(const GateSite &site) { return makeForRing<Open>(site); }

} // namespace gfs
