// SPDX-License-Identifier: Apache-2.0
// Writes a choice of activations into the program.
#include "compiler/choose/Choose.h"
#include "dialects/nn/NnConstants.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace gfs {

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
    auto relu = cast<nn::ReluOp>(op);
    if (llvm::all_of(choices, [](const ChannelChoice &choice) { return choice.relu; }))
      continue;
    builder.setInsertionPoint(relu);
    auto coefficients = [&](double Polynomial::*which, StringRef suffix) -> Value {
      std::vector<float> values;
      for (const ChannelChoice &choice : choices)
        values.push_back(choice.relu ? 0.0f : static_cast<float>(choice.polynomial.*which));
      auto count = static_cast<int64_t>(values.size());
      return nn::ConstantOp::create(builder, relu.getLoc(),
                                    nn::makeConstant(builder.getContext(), {count},
                                                     std::move(values),
                                                     nn::layerName(relu) + suffix.str()));
    };
    SmallVector<bool> kept;
    for (const ChannelChoice &choice : choices)
      kept.push_back(choice.relu);
    Value a = coefficients(&Polynomial::a, ".a"), b = coefficients(&Polynomial::b, ".b"),
          c = coefficients(&Polynomial::c, ".c");
    auto mixed =
        nn::MixedActivationOp::create(builder, relu.getLoc(), relu.getType(), relu.getInput(), a, b,
                                      c, builder.getDenseBoolArrayAttr(kept));
    relu.replaceAllUsesWith(mixed.getResult());
    relu.erase();
  }
}

} // namespace gfs
