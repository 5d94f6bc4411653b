// SPDX-License-Identifier: Apache-2.0
// MatMul: masked X̂ = X + R, masked Ŷ = Y + S -> shared XY, matrix by matrix (Beaver's form). Nothing
// is sent.
//
//   XY = X̂Ŷ - X̂S - RŶ + RS.  Server i holds R_i and S_i; dealt: [RS] (l bits); it computes
//   (1{i = 0} X̂ - R_i) Ŷ - X̂ S_i + [RS]_i.
//
// A product is a convolution of single pixels with a group for each matrix: Ŷ is the image, its rows
// are the input channels and its columns the pixels, and the rows of X̂ are the filters.
#include "runtime/gates/Dealt.h"
#include "runtime/gates/Gates.h"

#include <algorithm>

namespace gfs {

namespace {

template <class Word> class MatMul final : public Gate {
public:
  explicit MatMul(const GateSite &site)
      : ring(site.ring), shape(convShape(site)), lefts(site.operandElements(0)),
        rights(site.operandElements(1)), count(site.resultElements()), dealt(site.step),
        product(dealt.words<Word>(ring.bits, count)) {}

  Cost cost() const override {
    Cost cost;
    cost.multiplications = 2 * shape.multiplications();
    cost.elements = count;
    dealt.addTo(cost);
    return cost;
  }

  void deal(DealContext &context) const override {
    SecretVector<Word> rs(count);
    multiply(context.kernels(), shape, context.mask<Word>(0).data(), context.mask<Word>(1).data(),
             nullptr, rs.data());
    DealtWriter<Word>(context).words(product, [&](size_t i) { return rs[i]; });
  }

  size_t preparedBytes() const override { return (lefts + rights + 2 * count) * sizeof(Word); }
  bool readsMaterialOnline() const override { return false; }
  void prepare(PrepareContext &context, Range) const override {
    const Prepared prepared(*this, context.prepared<Word>());
    std::ranges::copy(context.maskShare<Word>(0), prepared.left);
    std::ranges::transform(context.maskShare<Word>(1), prepared.right,
                           [](Word s) { return Word(0) - s; });
    DealtReader<Word> reader(context);
    forEachTile(count, [&](size_t first, size_t n) {
      reader.words(product, first, {prepared.product + first, n});
    });
  }

  uint64_t units(unsigned) const override { return (shape.outChannels + unitRows - 1) / unitRows; }

  void evaluate(EvaluateContext &context, unsigned, Range units) const override {
    const Prepared prepared(*this, context.prepared<Word>());
    const Word *x = context.operand<Word>(0).data(), *y = context.operand<Word>(1).data();
    ConvShape part = shape;
    part.firstChannel = static_cast<uint32_t>(units.first * unitRows);
    part.endChannel =
        static_cast<uint32_t>(std::min<uint64_t>(units.end * unitRows, shape.outChannels));
    // A unit's filters are its own rows of X̂ and R_i.
    const Word mine = context.party() == Party::Zero ? ~Word(0) : Word(0);
    const size_t inner = shape.inChannels / shape.groups;
    for (size_t i = part.firstChannel * inner; i < part.endChannel * inner; ++i)
      prepared.left[i] = (x[i] & mine) - prepared.left[i];
    multiply(context.kernels(), part, prepared.left, y, prepared.product, prepared.sum);
    multiply(context.kernels(), part, x, prepared.right, prepared.sum,
             context.result<Word>().data());
  }

  void reference(ReferenceContext &context) const override {
    std::span<Word> result = context.result<Word>();
    multiply(context.kernels(), shape, context.operand<Word>(0).data(),
             context.operand<Word>(1).data(), nullptr, result.data());
    context.kernels().ring<Word>().reduce(ring.bits, result.data(), count);
  }

private:
  static constexpr uint64_t unitRows = 48; ///< See ConvShape.

  static ConvShape convShape(const GateSite &site) {
    const plan::MatMul &it = site.step.mat_mul();
    return {.batch = 1,
            .inChannels = it.count() * it.inner(),
            .inH = 1,
            .inW = it.columns(),
            .outChannels = it.count() * it.rows(),
            .outH = 1,
            .outW = it.columns(),
            .kernelH = 1,
            .kernelW = 1,
            .strideH = 1,
            .strideW = 1,
            .dilationH = 1,
            .dilationW = 1,
            .padTop = 0,
            .padLeft = 0,
            .groups = it.count(),
            .ringBits = site.ring.bits};
  }

  /// output = left * right + addend, which may be null.
  static void multiply(const Kernels &kernels, const ConvShape &part, const Word *left,
                       const Word *right, const Word *addend, Word *output) {
    kernels.ring<Word>().conv(part, right, left, addend, output);
  }

  /// R_i, and in its place the factor of Ŷ; -S_i; [RS]_i, and with it the first product.
  struct Prepared {
    Word *left, *right, *product, *sum;
    Prepared(const MatMul &gate, std::span<Word> words)
        : left(words.data()), right(left + gate.lefts), product(right + gate.rights),
          sum(product + gate.count) {}
  };

  Ring ring;
  ConvShape shape;
  uint64_t lefts, rights, count;
  DealtLayout dealt;
  DealtArray product; ///< [RS]
};

} // namespace

GatePtr makeMatMul(const GateSite &site) { return makeForRing<MatMul>(site); }

} // namespace gfs
