// SPDX-License-Identifier: Apache-2.0
// Open: shared x -> masked x̂ = x + r, or all of it but d low bits that no gate behind it keeps.
//
// Each server sends a_i = [x]_i + r_i and adds up what it sent and gets. r_i is server i's own
// stream for this step, so masks cost no communication; it is expanded in cache where it is used,
// which is faster than to read it from memory. Server i sees x + r with r_{1-i} uniform and used
// here only: x̂ is uniform and independent of x, given all it knows.
//
// With d > 0 the servers send A_0 = ((a_0 + 2^{d-1}) mod 2^l) >> d and A_1 = a_1 >> d, l - d bits,
// and x̂ = 2^d (A_0 + A_1) + 2^{d-1} - 1 = x + r + e. As a_0 is uniform, e is random with |e| < 2^d,
// mean 0 and variance 2^{2d}/6. In place of the bits that were not sent x̂ has their mean, so that
// results stay unbiased; gates that drop those bits do not depend on it. What is seen is a function
// of what would be seen with d = 0.
#include "runtime/gates/Gates.h"
#include "runtime/gates/Tiles.h"

#include <algorithm>

namespace gfs {

namespace {

template <class Word> class Open final : public Gate {
public:
  explicit Open(const GateSite &site) : bits(openedBits(site)), count(site.resultElements()) {}

  Cost cost() const override {
    Cost cost;
    cost.messageBytes = {packedBytes(count, bits.sent())};
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
    kernels.reduce(bits.ring, r.data(), count);
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
    return packedBytes(elementsOf({0, units}, count).end, bits.sent());
  }

  void evaluate(EvaluateContext &context, unsigned phase, Range units) const override {
    if (phase == 0)
      return send(context, units);
    const auto [first, end] = elementsOf(units, count);
    const uint64_t byte = packedBytes(first, bits.sent());
    context.kernels().ring<Word>().unpackAndAdd(bits, context.sent().data() + byte,
                                                context.incoming().data() + byte, end - first,
                                                context.result<Word>().data() + first);
  }

  /// With d > 0 as if the servers' shares were 0 and x, which makes e what it is for any shares.
  void reference(ReferenceContext &context) const override {
    std::span<const Word> x = context.operand<Word>(0);
    std::span<Word> result = context.result<Word>();
    std::copy(x.begin(), x.end(), result.begin());
    if (bits.dropped == 0)
      return;
    SecretVector<Word> r0(count);
    context.stream(Party::Zero, maskStream).fillWords(std::span<Word>(r0));
    std::span<const Word> r = context.resultMask<Word>();
    const Word rounding = roundingOf(Party::Zero), middle = static_cast<Word>(bits.middle());
    for (size_t i = 0; i < count; ++i) {
      const Word a0 = r0[i], a1 = x[i] + r[i] - a0,
                 sent = ((a0 + rounding) >> bits.dropped) + (a1 >> bits.dropped);
      result[i] = (sent << bits.dropped) + middle - r[i];
    }
    context.kernels().ring<Word>().reduce(bits.ring, result.data(), count);
  }

private:
  static constexpr uint16_t maskStream = static_cast<uint16_t>(Stream::Mask);

  Word roundingOf(Party party) const {
    return party == Party::Zero ? static_cast<Word>(bits.rounding()) : Word(0);
  }

  void send(EvaluateContext &context, Range units) const {
    const Word *x = context.operand<Word>(0).data();
    uint8_t *message = context.outgoing().data();
    Prg stream = context.stream(maskStream);
    SecretTile<Word> r;
    forEachTile(elementsOf(units, count), [&](size_t first, size_t n) {
      stream.fillWordsFrom(first, r.first(n));
      context.kernels().ring<Word>().maskAndPack(bits, roundingOf(context.party()), x + first,
                                                 r.data(), n,
                                                 message + packedBytes(first, bits.sent()));
    });
  }

  OpenedBits bits;
  uint64_t count;
};

} // namespace

GatePtr makeOpen(const GateSite &site) { return makeForRing<Open>(site); }

} // namespace gfs
