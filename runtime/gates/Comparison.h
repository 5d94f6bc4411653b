// SPDX-License-Identifier: Apache-2.0
// The sub-protocol behind ReLU and Spline: for thresholds θ_j on one masked value ẑ = z + s, both
// servers learn public bits g_j, and D_j = 1{z >= θ_j} = g_j ^ ρ_j with bits ρ_j that only the
// dealer knows.
//
// With X_j = (ẑ - θ_j + centre) >> low and Sk = s >> low (Rescale.h): D_j = bit_n(X_j) ^ bit_n(Sk)
// ^ c_j, c_j = 1{X_j mod 2^n < Sk mod 2^n}. The servers hold XOR shares of the comparison material,
// which depends on s alone and so serves all thresholds; from it each gets a share of c_j. Server i
// sends its share of c_j XOR a bit m_ij of its own stream. What is opened, c_j ^ m_0j ^ m_1j, is
// uniform to either server, since it does not know the other's bit; every opened bit has a bit of
// its own. Thus ρ_j = bit_n(Sk) ^ m_0j ^ m_1j, and bit_n(X_j) is public: server 0 adds it to its
// message.
#pragma once

#include "runtime/gates/Dealt.h"
#include "runtime/gates/Gates.h"
#include "runtime/gates/Rescale.h"

namespace gfs {

/// What a comparison is made from. Bit arrays are packed, one of bitBytes() per threshold,
/// threshold after threshold.
template <class Word> struct ComparisonShape {
  Ring ring;
  WindowShape window;
  size_t count; ///< Elements.
  std::vector<Word> thresholds;

  ComparisonShape(Ring ring, const plan::SignWindow &window, size_t count,
                  std::vector<Word> thresholds)
      : ring(ring), window{window.low(), window.high()}, count(count),
        thresholds(std::move(thresholds)) {}
  size_t bitBytes() const { return (count + 7) / 8; }
  size_t selectorBytes() const { return thresholds.size() * bitBytes(); }
  SignBits<Word> signs() const { return {ring, window}; }
};

template <class Word> class Comparison {
public:
  explicit Comparison(ComparisonShape<Word> shape) : shape(std::move(shape)) {}
  virtual ~Comparison() = default;

  /// Messages of the comparison and streams beside those of dealt arrays; the last message opens
  /// the g_j.
  virtual void addCost(Cost &cost) const = 0;
  virtual void deal(DealContext &context, DealtWriter<Word> &writer) const = 0;
  /// What the phases keep in prepared(), from its start.
  virtual size_t scratchBytes() const { return 0; }
  /// Phases before the last: `units` of the outgoing message.
  virtual void send(EvaluateContext &context, unsigned phase, Range units) const = 0;
  /// Last phase: the g_j of elements [first, first + n) = what was sent XOR what came.
  void opened(EvaluateContext &context, size_t j, size_t first, size_t n, uint8_t *g) const {
    const BitSlice bits = slice(j, first, n);
    const uint8_t *sent = &context.sent()[bits.at], *came = &context.incoming()[bits.at];
    for (size_t i = 0; i < bits.bytes; ++i)
      g[i] = sent[i] ^ came[i];
  }

  /// The ρ_j, for the dealer.
  SecretVector<uint8_t> selectorMasks(DealContext &context) const {
    SecretVector<uint8_t> rho(shape.selectorBytes()), other(shape.selectorBytes());
    context.stream(Party::Zero, selectorStream).fill(rho);
    context.stream(Party::One, selectorStream).fill(other);
    xorInto(rho, other);
    std::span<const Word> s = context.mask<Word>(0);
    const SignBits<Word> signs = shape.signs();
    SecretVector<uint8_t> top(shape.bitBytes());
    SecretTile<Word> bits;
    forEachTile(shape.count, [&](size_t first, size_t n) {
      for (size_t i = 0; i < n; ++i)
        bits[i] = signs.maskBit(s[first + i]);
      context.kernels().template ring<Word>().pack(1, bits.data(), n, &top[first / 8]);
    });
    for (size_t j = 0; j < shape.thresholds.size(); ++j)
      xorInto(std::span(rho).subspan(j * shape.bitBytes(), shape.bitBytes()), top);
    return rho;
  }

protected:
  /// The bits of some elements at one threshold, in an array of all.
  struct BitSlice {
    size_t at, bytes;
    template <class Byte> std::span<Byte> of(std::span<Byte> array) const {
      return array.subspan(at, bytes);
    }
  };
  BitSlice slice(size_t j, size_t first, size_t n) const {
    return {j * shape.bitBytes() + first / 8, (n + 7) / 8};
  }
  /// Sends a share of c_j for n <= bitTileElements elements: `bits` XOR the server's own m_ij and,
  /// from server 0, the public bit_n(X_j). Overwrites `bits`.
  void sendHidden(EvaluateContext &context, size_t j, size_t first, size_t n,
                  std::span<uint8_t> bits) const {
    SecretTile<uint8_t> other;
    const std::span<uint8_t> others = other.first(bits.size());
    if (context.party() == Party::Zero) {
      const Word *masked = context.template operand<Word>(0).data();
      const SignBits<Word> signs = shape.signs();
      Word top[tileElements];
      forEachTile(Range{first, first + n}, [&](size_t from, size_t count) {
        for (size_t i = 0; i < count; ++i)
          top[i] = signs.publicBit(signs.index(masked[from + i], shape.thresholds[j]));
        context.kernels().template ring<Word>().pack(1, top, count, &others[(from - first) / 8]);
      });
      xorInto(bits, others);
    }
    const BitSlice to = slice(j, first, n);
    context.stream(selectorStream).fillFrom(to.at, others);
    xorInto(bits, others);
    std::copy(bits.begin(), bits.end(), to.of(context.outgoing()).begin());
  }

  const ComparisonShape<Word> shape;
};

template <class Word> using ComparisonPtr = std::unique_ptr<Comparison<Word>>;
template <class Word>
ComparisonPtr<Word> makeTableComparison(ComparisonShape<Word> shape, DealtLayout &dealt);
template <class Word>
ComparisonPtr<Word> makeOneHotComparison(ComparisonShape<Word> shape, DealtLayout &dealt);
extern template ComparisonPtr<uint32_t> makeTableComparison(ComparisonShape<uint32_t>,
                                                            DealtLayout &);
extern template ComparisonPtr<uint64_t> makeTableComparison(ComparisonShape<uint64_t>,
                                                            DealtLayout &);
extern template ComparisonPtr<uint32_t> makeOneHotComparison(ComparisonShape<uint32_t>,
                                                             DealtLayout &);
extern template ComparisonPtr<uint64_t> makeOneHotComparison(ComparisonShape<uint64_t>,
                                                             DealtLayout &);

/// Lays its arrays out in `dealt`.
template <class Word>
ComparisonPtr<Word> makeComparison(const plan::SignWindow &window, ComparisonShape<Word> shape,
                                   DealtLayout &dealt) {
  if (window.protocol() == plan::SignWindow::TABLE)
    return makeTableComparison<Word>(std::move(shape), dealt);
  return makeOneHotComparison<Word>(std::move(shape), dealt);
}

} // namespace gfs
