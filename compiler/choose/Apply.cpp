// SPDX-License-Identifier: Apache-2.0
// Writes a choice of activations into the program.
#include "compiler/choose/Choose.h"
#include "dialects/nn/NnConstants.h"
#include "passes/nn/Passes.h"
#include "runtime/base/Error.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace gfs {

/// What nn-choose-activations is told of a channel.
static Attribute attributeOf(const ChannelChoice &choice, Builder &builder) {
  if (choice.relu)
    return builder.getStringAttr("relu");
  auto coefficient = [&](StringRef name, double value) {
    return builder.getNamedAttr(name, builder.getF64FloatAttr(value));
  };
  const Polynomial &p = choice.polynomial;
  return builder.getDictionaryAttr(
      {coefficient("a", p.a), coefficient("b", p.b), coefficient("c", p.c)});
}

void applyVariant(func::FuncOp function, const Variant &variant) {
  OpBuilder builder(function.getContext());
  for (const auto &[op, weights] : variant.weights) {
    builder.setInsertionPoint(op);
    for (unsigned index : {1u, 2u}) {
      const std::vector<float> &values = index == 1 ? weights.weight : weights.bias;
      auto shape = cast<RankedTensorType>(op->getOperand(index).getType()).getShape();
      std::string name = nn::layerName(op) + (index == 1 ? ".weight" : ".bias");
      op->setOperand(index, nn::ConstantOp::create(
                                builder, op->getLoc(),
                                nn::makeConstant(builder.getContext(), shape, values, name)));
    }
  }
  for (const auto &[op, choices] : variant.activations) {
    SmallVector<Attribute> attributes;
    for (const ChannelChoice &choice : choices)
      attributes.push_back(attributeOf(choice, builder));
    op->setAttr(nn::choicesAttr, builder.getArrayAttr(attributes));
  }
  PassManager passes(function.getContext(), func::FuncOp::getOperationName());
  passes.addPass(nn::createNnChooseActivations());
  check(succeeded(passes.run(function)), "a choice of activations can be written");
}

} // namespace gfs
