// SPDX-License-Identifier: Apache-2.0
// Gates that are linear maps without constants: one function serves shares, masks, mask shares,
// masked and clear values, because f(x + r) = f(x) + f(r). Nothing is sent or dealt, and servers
// see nothing new.
#pragma once

#include "runtime/gates/Gates.h"
#include "runtime/gates/Tiles.h"

namespace gfs {

/// What a local gate does: elements that are only moved stay reduced, results of arithmetic may not
/// be.
enum class LocalWork { Moves, Computes };
/// What element i of the result is made of: the operands' elements i, or any.
enum class LocalReach { SameElement, AnyElement };

template <class Word> class LocalGate : public Gate {
public:
  using Operands = std::span<const std::span<const Word>>;

  LocalGate(const GateSite &site, LocalWork work, LocalReach reach)
      : count(site.resultElements()), ring(site.ring), operands(site.step.operands_size()),
        masked(site.resultMasked()), computes(work == LocalWork::Computes),
        elementwiseOnly(reach == LocalReach::SameElement) {}

  Cost cost() const override {
    Cost cost;
    cost.elements = count;
    return cost;
  }

  void mask(MaskContext &context) const override {
    if (!masked)
      return;
    std::span<Word> out = context.resultMask<Word>();
    run(context.kernels(), [&](unsigned i) { return context.mask<Word>(i); }, out, true);
  }

  void prepare(PrepareContext &context, Range) const override {
    if (!masked)
      return;
    std::span<Word> out = context.resultMaskShare<Word>();
    run(context.kernels(), [&](unsigned i) { return context.maskShare<Word>(i); }, out, false);
  }

  uint64_t units(unsigned) const override { return elementwiseOnly ? unitsOf(count) : 1; }
  bool elementwise(unsigned) const override { return elementwiseOnly; }

  void evaluate(EvaluateContext &context, unsigned, Range units) const override {
    const Range part = elementwiseOnly ? elementsOf(units, count) : Range{0, count};
    run(
        context.kernels(),
        [&](unsigned i) {
          std::span<const Word> all = context.operand<Word>(i);
          return elementwiseOnly ? all.subspan(part.first, part.size()) : all;
        },
        context.result<Word>().subspan(part.first, part.size()), masked);
  }

  void reference(ReferenceContext &context) const override {
    run(
        context.kernels(), [&](unsigned i) { return context.operand<Word>(i); },
        context.result<Word>(), true);
  }

protected:
  /// Writes f(in) mod the machine word.
  virtual void apply(const RingKernels<Word> &kernels, Operands in, std::span<Word> out) const = 0;

  const uint64_t count; ///< Elements of the result.

private:
  template <class OperandAt>
  void run(const Kernels &all, OperandAt &&operandAt, std::span<Word> out, bool reduced) const {
    const RingKernels<Word> &kernels = all.ring<Word>();
    std::vector<std::span<const Word>> in;
    for (int i = 0; i < operands; ++i)
      in.push_back(operandAt(static_cast<unsigned>(i)));
    apply(kernels, in, out);
    if (reduced && computes)
      kernels.reduce(ring.bits, out.data(), out.size());
  }

  Ring ring;
  int operands;
  bool masked, computes, elementwiseOnly;
};

} // namespace gfs
