// SPDX-License-Identifier: Apache-2.0
// Registration, the value type, and the rules of the dialect's attributes on functions.
#include "dialects/nn/NnDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Location.h"

#include "dialects/nn/NnDialect.cpp.inc"
#include "dialects/nn/NnEnums.cpp.inc"

using namespace mlir;

namespace gfs::nn {

void NnDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/NnOps.cpp.inc"
      >();
}

Operation *NnDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type,
                                          Location location) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return ConstantOp::create(builder, location, elements);
}

bool isPostProcess(Operation *op) {
  return isa<SoftmaxOp, LogSoftmaxOp, ArgmaxOp, TopValuesOp, TopIndicesOp>(op);
}

double multiplications(Operation *program) {
  double sum = 0;
  program->walk([&](Operation *op) {
    if (auto product = dyn_cast<MatMulOp>(op))
      sum += static_cast<double>(product.getType().getNumElements()) *
             static_cast<double>(product.getLhs().getType().getShape()[2]);
    if (!isa<Conv2dOp, LinearOp>(op))
      return;
    auto weight = cast<RankedTensorType>(op->getOperand(1).getType());
    auto result = cast<RankedTensorType>(op->getResult(0).getType());
    // Each element of the result takes one output channel's weights.
    sum += static_cast<double>(result.getNumElements()) *
           static_cast<double>(weight.getNumElements() / weight.getDimSize(0));
  });
  return sum;
}

bool isValidShape(ArrayRef<int64_t> shape) {
  int64_t elements = 1;
  for (int64_t extent : shape) {
    if (extent <= 0 || extent > maxElements / elements)
      return false;
    elements *= extent;
  }
  return true;
}

bool isNnTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType().isF32() && !tensor.getEncoding() &&
         isValidShape(tensor.getShape());
}

static LogicalResult verifyName(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != nameAttr)
    return op->emitError() << "'" << attribute.getName().getValue()
                           << "' is not an attribute of the nn dialect";
  if (!isa<StringAttr>(attribute.getValue()))
    return op->emitError() << "'" << nameAttr << "' expects a string";
  return success();
}

LogicalResult NnDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned,
                                                  NamedAttribute attribute) {
  return verifyName(op, attribute);
}

LogicalResult NnDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned,
                                                     NamedAttribute attribute) {
  if (attribute.getName() == shapeAttr) {
    if (!isa<DenseI64ArrayAttr>(attribute.getValue()))
      return op->emitError() << "'" << shapeAttr << "' expects an array of i64";
    return success();
  }
  return verifyName(op, attribute);
}

} // namespace gfs::nn
