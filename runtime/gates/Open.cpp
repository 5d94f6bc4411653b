// SPDX-License-Identifier: Apache-2.0
// Open: shared x -> masked x̂ = x + r.
//
// Each server sends [x]_i + r_i and adds up what it sent and gets. r_i is server i's own stream for
// this step, so masks cost no communication; it is expanded in cache where it is used, which is
// faster than to read it from memory. Server i sees x + r with r_{1-i} uniform and used here only:
// x̂ is uniform and independent of x, given all it knows.
#include "runtime/gates/Gates.h"
#include "runtime/gates/Tiles.h"

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

  uint64_t prepareUnits() const override { return unitsOf(count); }
  void prepare(PrepareContext &context, Range units) const override {
    const Range part = elementsOf(units, count);
    context.stream(maskStream)
        .fillWordsFrom(part.first,
                       context.resultMaskShare<Word>().subspan(part.first, part.size()));
  }

  uint64_t units(unsigned) const override { return unitsOf(count); }
  bool elementwise(unsigned) const override { return true; }
  uint64_t messagePrefix(unsigned, uint64_t units) const override {
    return packedBytes(elementsOf({0, units}, count).end, ring.bits);
  }

  void evaluate(EvaluateContext &context, unsigned phase, Range units) const override {
    if (phase == 0)
      return send(context, units);
    const auto [first, end] = elementsOf(units, count);
    const uint64_t byte = packedBytes(first, ring.bits);
    context.kernels().ring<Word>().unpackAndAdd(ring.bits, context.sent().data() + byte,
                                                context.incoming().data() + byte, end - first,
                                                context.result<Word>().data() + first);
  }

  void reference(ReferenceContext &context) const override {
    std::span<const Word> x = context.operand<Word>(0);
    std::copy(x.begin(), x.end(), context.result<Word>().begin());
  }

private:
  static constexpr uint16_t maskStream = static_cast<uint16_t>(Stream::Mask);

  void send(EvaluateContext &context, Range units) const {
    const Word *x = context.operand<Word>(0).data();
    uint8_t *message = context.outgoing().data();
    Prg stream = context.stream(maskStream);
    SecretTile<Word> r;
    forEachTile(elementsOf(units, count), [&](size_t first, size_t n) {
      stream.fillWordsFrom(first, r.first(n));
      context.kernels().ring<Word>().maskAndPack(ring.bits, x + first, r.data(), n,
                                                 message + packedBytes(first, ring.bits));
    });
  }

  Ring ring;
  uint64_t count;
};

} // namespace

GatePtr makeOpen(const GateSite &site) { return makeForRing<Open>(site); }

} // namespace gfs
