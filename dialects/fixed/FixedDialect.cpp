// SPDX-License-Identifier: Apache-2.0
// Registration, the tensor type, and the rules of the dialect's attributes on modules and
// functions.
#include "dialects/fixed/FixedDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/fixed/FixedDialect.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/fixed/FixedTypes.cpp.inc"

using namespace mlir;

namespace gfs::fixed {

void FixedDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/fixed/FixedTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/fixed/FixedOps.cpp.inc"
      >();
}

std::optional<unsigned> ringBits(ModuleOp module) {
  if (auto bits = module->getAttrOfType<IntegerAttr>(ringBitsAttr))
    return static_cast<unsigned>(bits.getInt());
  return std::nullopt;
}

LogicalResult FixedDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != ringBitsAttr)
    return op->emitError() << "'" << attribute.getName().getValue()
                           << "' is not an attribute of operations in the fixed dialect";
  auto bits = dyn_cast<IntegerAttr>(attribute.getValue());
  if (!isa<ModuleOp>(op) || !bits || !bits.getType().isSignlessInteger(64))
    return op->emitError() << "'" << ringBitsAttr << "' expects an i64 on a module";
  if (bits.getInt() < 16 || bits.getInt() > 64)
    return op->emitError() << "'" << ringBitsAttr << "' expects 16 to 64, got " << bits.getInt();
  return success();
}

static LogicalResult verifyName(Operation *op, NamedAttribute attribute) {
  if (!isa<StringAttr>(attribute.getValue()))
    return op->emitError() << "'" << nameAttr << "' expects a string";
  return success();
}

LogicalResult FixedDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned,
                                                     NamedAttribute attribute) {
  if (attribute.getName() == nameAttr)
    return verifyName(op, attribute);
  return op->emitError() << "'" << attribute.getName().getValue()
                         << "' is not an attribute of arguments in the fixed dialect";
}

LogicalResult FixedDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned,
                                                        NamedAttribute attribute) {
  if (attribute.getName() == nameAttr)
    return verifyName(op, attribute);
  if (attribute.getName() != postAttr)
    return op->emitError() << "'" << attribute.getName().getValue()
                           << "' is not an attribute of results in the fixed dialect";
  auto post = dyn_cast<StringAttr>(attribute.getValue());
  if (!post || !llvm::is_contained({"none", "softmax", "log_softmax", "argmax"}, post.getValue()))
    return op->emitError() << "'" << postAttr << "' expects none, softmax, log_softmax or argmax";
  return success();
}

int64_t TensorType::getNumElements() const { return ShapedType::getNumElements(getShape()); }

LogicalResult TensorType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> shape, int32_t scale) {
  // tensor_c1
  int64_t elements = 1;
  for (int64_t extent : shape) {
    if (extent <= 0 || extent > maxElements / elements)
      return emitError() << "expects positive extents and at most 2^31 elements (tensor_c1)";
    elements *= extent;
  }
  if (shape.empty())
    return emitError() << "expects at least one dimension (tensor_c1)";
  // tensor_c2
  if (scale < -maxScale || scale > maxScale)
    return emitError() << "expects a scale in -64..64, got " << scale << " (tensor_c2)";
  return success();
}

// tensor-type ::= `!fixed.tensor` `<` dimension-list `,` `scale` `=` integer `>`
Type TensorType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  int32_t scale = 0;
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false, /*withTrailingX=*/false) ||
      parser.parseComma() || parser.parseKeyword("scale") || parser.parseEqual() ||
      parser.parseInteger(scale) || parser.parseGreater())
    return {};
  return parser.getChecked<TensorType>(parser.getContext(), shape, scale);
}

void TensorType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printDimensionList(getShape());
  printer << ", scale = " << getScale() << ">";
}

} // namespace gfs::fixed
