// SPDX-License-Identifier: Apache-2.0
// Folders: operations that return their operand as it is, and operations on constants.
#include "dialects/nn/NnFolds.h"
#include "dialects/nn/NnConstants.h"
#include "dialects/nn/NnElements.h"
#include "dialects/nn/NnFunctions.h"
#include "dialects/nn/NnLayerElements.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gfs::nn {

// --- Identities -------------------------------------------------------------------------------
OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

OpFoldResult ReluOp::fold(FoldAdaptor) {
  return getInput().getDefiningOp<ReluOp>() ? getInput() : Value();
}

template <class Op> static OpFoldResult inputIf(Op op, bool identity) {
  return identity && op.getInput().getType() == op.getType() ? op.getInput() : Value();
}

static bool countsUp(ArrayRef<int64_t> numbers) {
  return llvm::all_of(llvm::enumerate(numbers), [](auto number) {
    return number.value() == static_cast<int64_t>(number.index());
  });
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) { return inputIf(*this, true); }
OpFoldResult TransposeOp::fold(FoldAdaptor) { return inputIf(*this, countsUp(getPermutation())); }
OpFoldResult TakeOp::fold(FoldAdaptor) { return inputIf(*this, countsUp(getIndices())); }
OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getInputs().size() == 1 ? getInputs().front() : Value();
}

// --- Constants --------------------------------------------------------------------------------
static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// Runs `compute` on the operands' elements. Where all operands are splats and `keepsSplats`, on
/// one element of each.
template <class Compute>
static ElementsAttr foldWith(Operation *op, bool keepsSplats, Compute compute) {
  ArrayRef<int64_t> shape = shapeOf(op->getResult(0));
  SmallVector<ElementsAttr> constants;
  for (Value operand : op->getOperands())
    constants.push_back(constantValue(operand));
  bool splats = keepsSplats && llvm::all_of(constants, [](ElementsAttr constant) {
                  return splatValue(constant).has_value();
                });
  std::vector<ConstantData> data;
  std::vector<const float *> elements;
  SmallVector<Shape> shapes;
  data.reserve(constants.size());
  for (ElementsAttr constant : constants) {
    ElementsAttr single =
        splats ? makeSplat(op->getContext(), {}, *splatValue(constant)) : constant;
    data.emplace_back(single);
    if (data.back().size() != static_cast<size_t>(single.getNumElements()))
      return {};
    elements.push_back(data.back().begin());
    shapes.emplace_back(splats ? ArrayRef<int64_t>() : constant.getShapedType().getShape());
  }
  std::vector<float> result(splats ? 1 : static_cast<size_t>(elementCount(shape)));
  compute(shapes, splats ? ArrayRef<int64_t>() : shape, elements, result.data());
  return splats ? makeSplat(op->getContext(), shape, result[0])
                : makeConstant(op->getContext(), shape, std::move(result), layerName(op));
}

using Operands = const std::vector<const float *> &;

template <class Combine> static ElementsAttr foldBinary(Operation *op, Combine combine) {
  return foldWith(op, /*keepsSplats=*/true,
                  [&](ArrayRef<Shape> shapes, ArrayRef<int64_t> result, Operands in, float *out) {
                    combineElements(shapes[0], shapes[1], result, in[0], in[1], out, combine);
                  });
}

template <class Apply> static ElementsAttr foldUnary(Operation *op, Apply apply) {
  return foldWith(op, /*keepsSplats=*/true,
                  [&](ArrayRef<Shape>, ArrayRef<int64_t> result, Operands in, float *out) {
                    std::transform(in[0], in[0] + elementCount(result), out, apply);
                  });
}

static ElementsAttr foldTranspose(TransposeOp op) {
  ElementsAttr value = constantValue(op.getInput());
  if (std::optional<float> splat = splatValue(value))
    return makeSplat(op.getContext(), shapeOf(op), *splat);
  return foldWith(op, /*keepsSplats=*/false,
                  [&](ArrayRef<Shape> shapes, ArrayRef<int64_t>, Operands in, float *out) {
                    transposeElements(shapes[0], op.getPermutation(), in[0], out);
                  });
}

static ElementsAttr foldConcat(ConcatOp op) {
  return foldWith(op, /*keepsSplats=*/false,
                  [&](ArrayRef<Shape> shapes, ArrayRef<int64_t> result, Operands in, float *out) {
                    int64_t start = 0;
                    for (size_t i = 0; i < in.size(); start += shapes[i][op.getAxis()], ++i)
                      placeElements(shapes[i], result, op.getAxis(), start, in[i], out);
                  });
}

static ElementsAttr foldTake(TakeOp op) {
  return foldWith(op, /*keepsSplats=*/false,
                  [&](ArrayRef<Shape> shapes, ArrayRef<int64_t>, Operands in, float *out) {
                    takeElements(shapes[0], op.getAxis(), op.getIndices(), in[0], out);
                  });
}

static ElementsAttr foldPad(PadOp op) {
  return foldWith(op, /*keepsSplats=*/false,
                  [&](ArrayRef<Shape> shapes, ArrayRef<int64_t> result, Operands in, float *out) {
                    padElements(shapes[0], op.getLow(), result,
                                static_cast<float>(op.getValue().convertToDouble()), in[0], out);
                  });
}

/// A few seconds; what needs more had better be stored in the model.
static constexpr int64_t mostWork = int64_t(1) << 32;

static ElementsAttr foldLayer(Operation *op) {
  int64_t work = layerWork(op);
  if (work == 0 || work > mostWork)
    return {};
  return foldWith(op, /*keepsSplats=*/false,
                  [&](ArrayRef<Shape>, ArrayRef<int64_t>, Operands in, float *out) {
                    computeLayer(op, in, out);
                  });
}

bool foldsWithoutMemory(Operation *op) {
  if (isa<ReshapeOp>(op))
    return true;
  return isa<AddOp, SubOp, MulOp, ReluOp, SquareOp, FunctionOp, TransposeOp>(op) &&
         llvm::all_of(op->getOperands(),
                      [](Value operand) { return splatValue(constantValue(operand)).has_value(); });
}

ElementsAttr foldConstants(Operation *op) {
  if (op->getNumOperands() == 0 || !llvm::all_of(op->getOperands(), constantValue))
    return {};
  return TypeSwitch<Operation *, ElementsAttr>(op)
      .Case([](AddOp add) { return foldBinary(add, std::plus<float>()); })
      .Case([](SubOp sub) { return foldBinary(sub, std::minus<float>()); })
      .Case([](MulOp mul) { return foldBinary(mul, std::multiplies<float>()); })
      .Case([](ReluOp relu) { return foldUnary(relu, [](float x) { return std::max(x, 0.0f); }); })
      .Case([](SquareOp square) { return foldUnary(square, [](float x) { return x * x; }); })
      .Case([](FunctionOp function) {
        return foldUnary(
            function, [&](float x) { return static_cast<float>(evaluateFunction(function, x)); });
      })
      .Case([](ReshapeOp reshape) {
        return reshapeConstant(constantValue(reshape.getInput()), shapeOf(reshape));
      })
      .Case(foldTranspose)
      .Case(foldConcat)
      .Case(foldTake)
      .Case(foldPad)
      .Default(foldLayer);
}

} // namespace gfs::nn
