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
  OpenedSelection(const plan::SignWindow &window, SelectionShape<Word> shape)
      : Base(std::move(shape)), comparison(makeComparison<Word>(window, this->shape.comparison)) {}

  void send(EvaluateContext &context, unsigned phase) const override {
    comparison->send(context, phase, comparing(context));
  }
  void begin(EvaluateContext &context) const override {
    comparison->open(context, comparing(context));
  }

private:
  void addOwnCost(Cost &cost) const override {
    comparison->addCost(cost);
    for (size_t j = 0; j < shape.thresholds(); ++j)
      for (unsigned bits : shape.termBits)
        DealtCost{cost}.words<Word>(bits, shape.count());
  }

  void dealOwn(DealContext &context, DealtWriter<Word> &dealt,
               std::span<const SecretVector<Word>> terms) const override {
    comparison->deal(context, dealt);
    SecretVector<uint8_t> rho = comparison->selectorMasks(context);
    for (size_t j = 0; j < shape.thresholds(); ++j) {
      auto bits = std::span<const uint8_t>(rho).subspan(j * shape.comparison.bitBytes());
      for (size_t k = 0; k < shape.terms(); ++k)
        dealt.words(shape.termBits[k], shape.count(), [&](size_t i) {
          return (Word(0) - Word(bitAt(bits, i))) & Base::term(terms, k, i);
        });
    }
  }

  size_t ownBytes() const override {
    return comparison->preparedBytes() +
           shape.thresholds() * shape.terms() * Carver::bytes<Word>(shape.count());
  }

  void prepareOwn(PrepareContext &context, DealtReader<Word> &dealt,
                  std::span<std::byte> storage) const override {
    comparison->prepare(context, dealt, storage.first(comparison->preparedBytes()));
    Carver carver(storage.subspan(comparison->preparedBytes()));
    for (size_t j = 0; j < shape.thresholds(); ++j)
      for (unsigned bits : shape.termBits)
        dealt.words(bits, carver.template take<Word>(shape.count()));
  }

  void hidden(EvaluateContext &context, size_t j, size_t first, size_t n, Word *g,
              typename Base::Rows &rows) const override {
    const size_t arrayBytes = Carver::bytes<Word>(shape.count());
    std::span<std::byte> arrays = this->own(context).subspan(comparison->preparedBytes());
    for (size_t k = 0; k < shape.terms(); ++k) {
      Carver carver(arrays.subspan((j * shape.terms() + k) * arrayBytes));
      std::copy_n(carver.template take<Word>(shape.count()).data() + first, n, rows[k]);
    }
    std::span<const uint8_t> opened = comparison->opened(comparing(context));
    context.kernels().template ring<Word>().unpack(
        1, opened.data() + j * shape.comparison.bitBytes() + first / 8, n, g);
  }

  std::span<std::byte> comparing(EvaluateContext &context) const {
    return this->own(context).first(comparison->preparedBytes());
  }

  ComparisonPtr<Word> comparison;
};

} // namespace

template <class Word>
SelectionPtr<Word> makeOpenedSelection(const plan::SignWindow &window, SelectionShape<Word> shape) {
  return std::make_unique<OpenedSelection<Word>>(window, std::move(shape));
}
template SelectionPtr<uint32_t> makeOpenedSelection(const plan::SignWindow &,
                                                    SelectionShape<uint32_t>);
template SelectionPtr<uint64_t> makeOpenedSelection(const plan::SignWindow &,
                                                    SelectionShape<uint64_t>);

} // namespace gfs
