// SPDX-License-Identifier: Apache-2.0
// What passes and the plan writer ask about values and operations of the secure dialect.
#include "dialects/secure/SecureDialect.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace gfs::secure {

ArrayRef<int64_t> shapeOf(Type type) {
  return llvm::TypeSwitch<Type, ArrayRef<int64_t>>(type).Case<ShareType, MaskedType, WeightType>(
      [](auto tensor) { return tensor.getShape(); });
}

int32_t scaleOf(Type type) {
  return llvm::TypeSwitch<Type, int32_t>(type).Case<ShareType, MaskedType, WeightType>(
      [](auto tensor) { return tensor.getScale(); });
}

int64_t elementsOf(Type type) {
  int64_t elements = 1;
  for (int64_t extent : shapeOf(type))
    elements *= extent;
  return elements;
}

Type withShapeAndScale(Type type, ArrayRef<int64_t> shape, int32_t scale) {
  return llvm::TypeSwitch<Type, Type>(type).Case<ShareType, MaskedType, WeightType>(
      [&](auto tensor) -> Type { return decltype(tensor)::get(type.getContext(), shape, scale); });
}

unsigned comparisonMessages(Protocol protocol, int64_t windowBits) {
  switch (protocol) {
  case Protocol::Table:
    return 1;
  case Protocol::OneHot:
    return 1 + llvm::Log2_64_Ceil(llvm::divideCeil(static_cast<uint64_t>(windowBits), 4));
  case Protocol::Dcf:
    return 0;
  }
  return 0;
}

unsigned messageCount(Operation *op) {
  if (isa<OpenOp>(op))
    return 1;
  return llvm::TypeSwitch<Operation *, unsigned>(op)
      .Case<ReluOp, SplineOp>([](auto gate) {
        return comparisonMessages(gate.getProtocol(),
                                  static_cast<int64_t>(gate.getHigh() - gate.getLow()));
      })
      .Default(0u);
}

ArrayRef<int64_t> exchangesOf(Operation *op) {
  std::optional<ArrayRef<int64_t>> exchange;
  if (auto open = dyn_cast<OpenOp>(op))
    exchange = open.getExchange();
  else if (auto relu = dyn_cast<ReluOp>(op))
    exchange = relu.getExchange();
  else if (auto spline = dyn_cast<SplineOp>(op))
    exchange = spline.getExchange();
  return exchange.value_or(ArrayRef<int64_t>());
}

Value skipViews(Value value) {
  for (auto view = value.getDefiningOp<ReshapeOp>(); view && isView(view);
       view = value.getDefiningOp<ReshapeOp>())
    value = view.getOperand();
  return value;
}

bool readsFlat(OpOperand &use) {
  Operation *user = use.getOwner();
  if (auto reshape = dyn_cast<ReshapeOp>(user))
    return isView(reshape);
  return isa<OpenOp, Conv2dOp, LinearMapOp, ReluOp, SplineOp, TruncateOp, SquareOp, UnmaskOp,
             ScaleOp, AddWeightOp>(user);
}

bool isView(ReshapeOp reshape) { return llvm::all_of(reshape->getUses(), readsFlat); }

func::FuncOp mainFunction(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main || main.isExternal() || !main.getBody().hasOneBlock()) {
    module.emitError("expects a function @main of one block");
    return {};
  }
  for (Operation &op : *module.getBody()) {
    if (&op != main.getOperation()) {
      op.emitError("expects nothing but @main in the module");
      return {};
    }
  }
  return main;
}

} // namespace gfs::secure
