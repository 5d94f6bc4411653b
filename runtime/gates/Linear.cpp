// SPDX-License-Identifier: Apache-2.0
// Linear: masked x̂ = x + r -> W*x + b, where * is a convolution. Nothing is sent.
//
// Hidden weights (shared; server 0's): W = Ŵ + A, Ŵ public, A = A_0 + A_1 expanded from the
// servers' seeds (A_1 = 0 if server 0 knows the weights); w_0 = Ŵ + A_0, w_1 = A_1. The dealer
// computes C = A*r and shares it; before the input,
//   server i:  K_i = Ŵ*r_i + [C]_i,  so K_0 + K_1 = W*r;     online:  [z]_i = w_i*x̂ + ([b]_i -
//   K_i),
// which adds up to W*x + b. What a server gets besides x̂: [C]_1, masked by server 0's stream.
//
// Public weights: ẑ = W*x̂ + b is masked by W*r, of which each server holds the share W*r_i.
#include "runtime/gates/Dealt.h"
#include "runtime/gates/Gates.h"

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
        isPublic(site.plan.weight_mode() == plan::WEIGHTS_PUBLIC), count(shape.outputElements()) {
    if (site.step.linear().has_bias())
      bias = site.step.linear().bias();
  }

  Cost cost() const override {
    Cost cost;
    cost.multiplications = shape.multiplications();
    if (!isPublic)
      DealtCost{cost}.words<Word>(ring.bits, count);
    return cost;
  }

  std::optional<WeightUse> weightUse() const override { return WeightUse{weight, shape}; }

  void mask(MaskContext &context) const override {
    if (!isPublic)
      return;
    std::span<Word> result = context.resultMask<Word>();
    const auto &kernels = context.kernels().ring<Word>();
    convolve(kernels, context.mask<Word>(0), context.weight<Word>(weight),
             context.packedWeight(weight), result);
    kernels.reduce(ring.bits, result.data(), count);
  }

  void deal(DealContext &context) const override {
    if (isPublic)
      return;
    SecretVector<Word> c(count); // C = A*r
    convolve(context.kernels().ring<Word>(), context.mask<Word>(0), context.weight<Word>(weight),
             context.packedWeight(weight), std::span<Word>(c));
    DealtWriter<Word> dealt(context);
    dealt.words(ring.bits, count, [&](size_t i) { return c[i]; });
    dealt.finish();
  }

  void prepare(PrepareContext &context) const override {
    const auto &kernels = context.kernels().ring<Word>();
    // W r_i with public weights, else K_i before its dealt part.
    std::span<Word> product =
        isPublic ? context.resultMaskShare<Word>() : context.prepared<Word>(count);
    convolve(kernels, context.maskShare<Word>(0), context.maskedWeight<Word>(weight),
             context.packedMaskedWeight(weight), product);
    if (isPublic)
      return;
    std::span<Word> constant = product; // [b]_i - K_i
    SecretVector<Word> c(count);
    DealtReader<Word>(context).words(ring.bits, c);
    for (size_t i = 0; i < count; ++i)
      constant[i] = Word(0) - constant[i] - c[i];
    if (bias)
      addBias(context.weightShare<Word>(*bias), constant);
  }

  void evaluate(EvaluateContext &context, unsigned) const override {
    const auto &kernels = context.kernels().ring<Word>();
    std::span<Word> result = context.result<Word>();
    std::span<const Word> x = context.operand<Word>(0);
    if (isPublic) {
      convolve(kernels, x, context.maskedWeight<Word>(weight), context.packedMaskedWeight(weight),
               result);
      if (bias)
        addBias(context.maskedWeight<Word>(*bias), result);
      kernels.reduce(ring.bits, result.data(), count);
      return;
    }
    std::span<const Word> constant = context.prepared<Word>(),
                          share = context.weightShare<Word>(weight);
    if (share.empty()) { // server 1, if server 0 has the weights
      std::copy(constant.begin(), constant.begin() + static_cast<ptrdiff_t>(count), result.begin());
      return;
    }
    convolve(kernels, x, share, context.packedWeightShare(weight), result);
    kernels.add(result.data(), constant.data(), result.data(), count);
  }

  void reference(ReferenceContext &context) const override {
    const auto &kernels = context.kernels().ring<Word>();
    std::span<Word> result = context.result<Word>();
    kernels.conv(shape, context.operand<Word>(0).data(), context.clearWeight<Word>(weight).data(),
                 result.data());
    if (bias)
      addBias(context.clearWeight<Word>(*bias), result);
    kernels.reduce(ring.bits, result.data(), count);
  }

private:
  void convolve(const RingKernels<Word> &kernels, std::span<const Word> x, std::span<const Word> w,
                const void *packed, std::span<Word> z) const {
    if (packed)
      kernels.convPacked(shape, x.data(), packed, z.data());
    else
      kernels.conv(shape, x.data(), w.data(), z.data());
  }

  /// Adds one word per output channel; an empty share is zero.
  void addBias(std::span<const Word> share, std::span<Word> planes) const {
    if (share.empty())
      return;
    const size_t planeSize = size_t(shape.outH) * shape.outW;
    Word *out = planes.data();
    for (uint32_t image = 0; image < shape.batch; ++image)
      for (uint32_t channel = 0; channel < shape.outChannels; ++channel, out += planeSize)
        for (size_t i = 0; i < planeSize; ++i)
          out[i] += share[channel];
  }

  Ring ring;
  ConvShape shape;
  uint32_t weight;
  std::optional<uint32_t> bias;
  bool isPublic;
  uint64_t count;
};

} // namespace

GatePtr makeLinear(const GateSite &site) { return makeForRing<Linear>(site); }

} // namespace gfs
