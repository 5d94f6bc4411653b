// SPDX-License-Identifier: Apache-2.0
// Linear: masked x̂ = x + r -> W*x + b, where * is a convolution. Nothing is sent.
//
// Hidden weights (shared; server 0's): W = Ŵ + A, Ŵ public, A = A_0 + A_1 expanded from the
// servers' seeds (A_1 = 0 if server 0 knows the weights); w_0 = Ŵ + A_0, w_1 = A_1. The dealer
// computes C = A*r and shares it; before the input,
//   server i:  K_i = Ŵ*r_i + [C]_i,   so K_0 + K_1 = W*r;
// online:
//   server i:  [z]_i = w_i*x̂ + ([b]_i - K_i),
// which adds up to W*x + b. What a server gets besides x̂: [C]_i, its stream or masked by the
// other's.
//
// Public weights: ẑ = W*x̂ + b is masked by W*r, of which each server holds the share W*r_i.
#include "runtime/gates/Dealt.h"
#include "runtime/gates/Gates.h"

#include <algorithm>
#include <optional>

namespace gfs {

namespace {

ConvShape convShape(const plan::Conv &c, Ring ring) {
  return {c.batch(),    c.in_channels(), c.in_h(),       c.in_w(),     c.out_channels(),
          c.out_h(),    c.out_w(),       c.kernel_h(),   c.kernel_w(), c.stride_h(),
          c.stride_w(), c.dilation_h(),  c.dilation_w(), c.pad_top(),  c.pad_left(),
          c.groups(),   ring.bits};
}

template <class Word> class Linear final : public Gate {
public:
  explicit Linear(const GateSite &site)
      : ring(site.ring), shape(convShape(site.step.linear().conv(), site.ring)),
        weight(site.step.linear().weight()),
        isPublic(site.plan.weight_mode() == plan::WEIGHTS_PUBLIC), count(shape.outputElements()),
        dealt(site.step) {
    if (site.step.linear().has_bias())
      bias = site.step.linear().bias();
    if (!isPublic)
      product = dealt.words<Word>(ring.bits, count);
  }

  Cost cost() const override {
    Cost cost;
    cost.multiplications = shape.multiplications();
    dealt.addTo(cost);
    return cost;
  }

  std::optional<WeightUse> weightUse() const override { return WeightUse{weight, shape}; }

  void mask(MaskContext &context) const override {
    if (!isPublic)
      return;
    std::span<Word> result = context.resultMask<Word>();
    const auto &kernels = context.kernels().ring<Word>();
    convolve(kernels, shape, context.mask<Word>(0), context.weight<Word>(weight),
             context.packedWeight(weight), result);
    kernels.reduce(ring.bits, result.data(), count);
  }

  void deal(DealContext &context) const override {
    if (isPublic)
      return;
    SecretVector<Word> c(count); // C = A*r
    convolve(context.kernels().ring<Word>(), shape, context.mask<Word>(0),
             context.weight<Word>(weight), context.packedWeight(weight), std::span<Word>(c));
    DealtWriter<Word>(context).words(product, [&](size_t i) { return c[i]; });
  }

  size_t preparedBytes() const override { return isPublic ? 0 : count * sizeof(Word); }
  bool readsMaterialOnline() const override { return false; }
  uint64_t prepareUnits() const override { return parts(); }
  void prepare(PrepareContext &context, Range units) const override {
    const auto &kernels = context.kernels().ring<Word>();
    const Part part(*this, units);
    // W r_i with public weights, else K_i before its dealt part, then [b]_i - K_i.
    std::span<Word> constant =
        isPublic ? context.resultMaskShare<Word>() : context.prepared<Word>();
    convolve(kernels, part.shape, context.maskShare<Word>(0), context.maskedWeight<Word>(weight),
             context.packedMaskedWeight(weight), constant);
    if (isPublic)
      return;
    DealtReader<Word> reader(context);
    SecretTile<Word> c;
    forEachTile(part.elements, [&](size_t first, size_t n) {
      reader.words(product, first, c.first(n));
      for (size_t i = 0; i < n; ++i)
        constant[first + i] = Word(0) - constant[first + i] - c[i];
    });
    if (bias)
      addBias(context.weightShare<Word>(*bias), part, constant);
  }

  uint64_t units(unsigned) const override { return parts(); }

  void evaluate(EvaluateContext &context, unsigned, Range units) const override {
    const auto &kernels = context.kernels().ring<Word>();
    const Part part(*this, units);
    const auto [first, end] = part.elements;
    std::span<Word> result = context.result<Word>();
    std::span<const Word> x = context.operand<Word>(0);
    if (isPublic) {
      convolve(kernels, part.shape, x, context.maskedWeight<Word>(weight),
               context.packedMaskedWeight(weight), result);
      if (bias)
        addBias(context.maskedWeight<Word>(*bias), part, result);
      kernels.reduce(ring.bits, &result[first], end - first);
      return;
    }
    const Word *constant = context.prepared<Word>().data();
    std::span<const Word> share = context.weightShare<Word>(weight);
    if (share.empty()) { // server 1, if server 0 has the weights
      std::copy(constant + first, constant + end, &result[first]);
      return;
    }
    convolve(kernels, part.shape, x, share, context.packedWeightShare(weight), result, constant);
  }

  void reference(ReferenceContext &context) const override {
    const auto &kernels = context.kernels().ring<Word>();
    std::span<Word> result = context.result<Word>();
    convolve(kernels, shape, context.operand<Word>(0), context.clearWeight<Word>(weight),
             context.packedWeight(weight), result);
    if (bias)
      addBias(context.clearWeight<Word>(*bias), Part(*this, {0, parts()}), result);
    kernels.reduce(ring.bits, result.data(), count);
  }

private:
  static constexpr uint32_t unitChannels = 48; ///< Any multiple is fast; see ConvShape.

  size_t planeSize() const { return size_t(shape.outH) * shape.outW; }
  /// Units are output channels. Those of several images do not lie together: they are one unit.
  uint64_t parts() const {
    return shape.batch > 1 ? 1 : (shape.outChannels + unitChannels - 1) / unitChannels;
  }
  struct Part {
    ConvShape shape;
    Range elements; ///< Of the result.

    Part(const Linear &gate, Range units) : shape(gate.shape), elements{0, gate.count} {
      if (shape.batch > 1)
        return;
      shape.firstChannel = static_cast<uint32_t>(units.first) * unitChannels;
      shape.endChannel =
          std::min(static_cast<uint32_t>(units.end) * unitChannels, shape.outChannels);
      elements = {shape.firstChannel * gate.planeSize(), shape.endChannel * gate.planeSize()};
    }
  };

  /// z = w * x + addend, which may be null.
  void convolve(const RingKernels<Word> &kernels, const ConvShape &part, std::span<const Word> x,
                std::span<const Word> w, const void *packed, std::span<Word> z,
                const Word *addend = nullptr) const {
    if (packed)
      kernels.convPacked(part, x.data(), packed, addend, z.data());
    else
      kernels.conv(part, x.data(), w.data(), addend, z.data());
  }

  /// Adds one word per output channel; an empty share is zero.
  void addBias(std::span<const Word> share, const Part &part, std::span<Word> planes) const {
    if (share.empty())
      return;
    for (uint64_t first = part.elements.first; first < part.elements.end; first += planeSize()) {
      const Word addend = share[first / planeSize() % shape.outChannels];
      for (Word &word : planes.subspan(first, planeSize()))
        word += addend;
    }
  }

  Ring ring;
  ConvShape shape;
  uint32_t weight;
  std::optional<uint32_t> bias;
  bool isPublic;
  uint64_t count;
  DealtLayout dealt;
  DealtArray product; ///< [C]
};

} // namespace

GatePtr makeLinear(const GateSite &site) { return makeForRing<Linear>(site); }

} // namespace gfs
