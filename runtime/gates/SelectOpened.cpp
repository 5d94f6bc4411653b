// SPDX-License-Identifier: Apache-2.0
// Selection by opened comparisons: dealt are [ρ_j w_k] for each threshold and term, beside the
// comparison's material.
#include "runtime/gates/Selection.h"

namespace gfs {

namespace {

template <class Word> class OpenedSelection final : public Selection<Word> {
  using Base = Selection<Word>;
  using Base::shape;

public:
  OpenedSelection(const plan::SignWindow &window, SelectionShape<Word> shape, DealtLayout &dealt)
      : Base(std::move(shape)),
        comparison(makeComparison<Word>(window, this->shape.comparison, dealt)) {
    for (size_t j = 0; j < this->shape.thresholds(); ++j)
      for (unsigned bits : this->shape.termBits)
        selected.push_back(dealt.words<Word>(bits, this->shape.count()));
    this->layOutTerms(dealt);
  }

  void addCost(Cost &cost) const override { comparison->addCost(cost); }
  size_t scratchBytes() const override { return comparison->scratchBytes(); }
  void send(EvaluateContext &context, unsigned phase, Range units) const override {
    comparison->send(context, phase, units);
  }

private:
  void dealOwn(DealContext &context, DealtWriter<Word> &writer,
               std::span<const SecretVector<Word>> terms) const override {
    comparison->deal(context, writer);
    SecretVector<uint8_t> rho = comparison->selectorMasks(context);
    for (size_t j = 0; j < shape.thresholds(); ++j) {
      auto bits = std::span<const uint8_t>(rho).subspan(j * shape.comparison.bitBytes());
      for (size_t k = 0; k < shape.terms(); ++k)
        writer.words(array(j, k), [&](size_t i) {
          return allOnesIf(Word(bitAt(bits, i))) & Base::term(terms, k, i);
        });
    }
  }

  void hidden(EvaluateContext &context, size_t j, size_t first, size_t n, Word *g,
              typename Base::Rows &rows) const override {
    DealtReader<Word> reader(context);
    for (size_t k = 0; k < shape.terms(); ++k)
      reader.words(array(j, k), first, rows[k].first(n));
    uint8_t bits[tileElements / 8];
    comparison->opened(context, j, first, n, bits);
    context.kernels().template ring<Word>().unpack(1, bits, n, g);
  }

  const DealtArray &array(size_t j, size_t k) const { return selected[j * shape.terms() + k]; }

  ComparisonPtr<Word> comparison;
  std::vector<DealtArray> selected; ///< [ρ_j w_k], threshold after threshold.
};

} // namespace

template <class Word>
SelectionPtr<Word> makeOpenedSelection(const plan::SignWindow &window, SelectionShape<Word> shape,
                                       DealtLayout &dealt) {
  return std::make_unique<OpenedSelection<Word>>(window, std::move(shape), dealt);
}
template SelectionPtr<uint32_t> makeOpenedSelection(const plan::SignWindow &,
                                                    SelectionShape<uint32_t>, DealtLayout &);
template SelectionPtr<uint64_t> makeOpenedSelection(const plan::SignWindow &,
                                                    SelectionShape<uint64_t>, DealtLayout &);

} // namespace gfs
