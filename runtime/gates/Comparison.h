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

  /// Messages, material and streams of the comparison; the last message opens the g_j.
  virtual void addCost(Cost &cost) const = 0;
  virtual void deal(DealContext &context, DealtWriter<Word> &dealt) const = 0;
  virtual size_t preparedBytes() const = 0;
  virtual void prepare(PrepareContext &context, DealtReader<Word> &dealt,
                       std::span<std::byte> storage) const = 0;
  /// Phases before the last: fills the outgoing message.
  virtual void send(EvaluateContext &context, unsigned phase,
                    std::span<std::byte> storage) const = 0;
  /// Last phase: g = what was sent XOR what came. Returned bits live in `storage`.
  std::span<const uint8_t> open(EvaluateContext &context, std::span<std::byte> storage) const {
    std::span<uint8_t> g = selectors(storage);
    xorInto(g, context.incoming());
    return g;
  }
  /// The same bits again, after open().
  std::span<const uint8_t> opened(std::span<std::byte> storage) const { return selectors(storage); }

  /// The ρ_j, for the dealer.
  SecretVector<uint8_t> selectorMasks(DealContext &context) const {
    SecretVector<uint8_t> rho(shape.selectorBytes()), other(shape.selectorBytes());
    context.stream(Party::Zero, selectorStream).fill(rho);
    context.stream(Party::One, selectorStream).fill(other);
    xorInto(rho, other);
    std::span<const Word> s = context.mask<Word>(0);
    const SignBits<Word> signs = shape.signs();
    SecretVector<uint8_t> top(shape.bitBytes());
    for (size_t first = 0; first < shape.count; first += block) {
      const size_t n = std::min(block, shape.count - first);
      Word bits[block];
      for (size_t i = 0; i < n; ++i)
        bits[i] = signs.maskBit(s[first + i]);
      context.kernels().template ring<Word>().pack(1, bits, n, &top[first / 8]);
    }
    for (size_t j = 0; j < shape.thresholds.size(); ++j)
      xorInto(std::span(rho).subspan(j * shape.bitBytes(), shape.bitBytes()), top);
    return rho;
  }

protected:
  static constexpr size_t block = 512; ///< Elements handled at a time in L1; a multiple of 8.

  /// Server's own m_ij before the last message, the message itself after.
  std::span<uint8_t> selectors(std::span<std::byte> storage) const {
    return Carver(storage).template take<uint8_t>(shape.selectorBytes());
  }
  std::span<std::byte> behindSelectors(std::span<std::byte> storage) const {
    Carver carver(storage);
    carver.template take<uint8_t>(shape.selectorBytes());
    return carver.rest();
  }
  size_t selectorStorage() const { return Carver::bytes<uint8_t>(shape.selectorBytes()); }
  void prepareSelectors(PrepareContext &context, std::span<std::byte> storage) const {
    context.stream(selectorStream).fill(selectors(storage));
  }

  const ComparisonShape<Word> shape;
};

template <class Word> using ComparisonPtr = std::unique_ptr<Comparison<Word>>;
template <class Word> ComparisonPtr<Word> makeTableComparison(ComparisonShape<Word> shape);
template <class Word> ComparisonPtr<Word> makeOneHotComparison(ComparisonShape<Word> shape);
extern template ComparisonPtr<uint32_t> makeTableComparison(ComparisonShape<uint32_t>);
extern template ComparisonPtr<uint64_t> makeTableComparison(ComparisonShape<uint64_t>);
extern template ComparisonPtr<uint32_t> makeOneHotComparison(ComparisonShape<uint32_t>);
extern template ComparisonPtr<uint64_t> makeOneHotComparison(ComparisonShape<uint64_t>);

template <class Word>
ComparisonPtr<Word> makeComparison(const plan::SignWindow &window, ComparisonShape<Word> shape) {
  if (window.protocol() == plan::SignWindow::TABLE)
    return makeTableComparison<Word>(std::move(shape));
  return makeOneHotComparison<Word>(std::move(shape));
}

} // namespace gfs
