// SPDX-License-Identifier: Apache-2.0
// Registration, the tensor type, and the rules of the dialect's attributes on modules and
// functions.
#include "dialects/fixed/FixedDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/Location.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

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

static LogicalResult verifyRange(Operation *op, NamedAttribute attribute) {
  auto range = dyn_cast<DenseF64ArrayAttr>(attribute.getValue());
  // Written so that a NaN fails.
  if (!range || range.size() != 2 || !(range[0] <= range[1]) || std::isinf(range[0]) ||
      std::isinf(range[1]))
    return op->emitError() << "'" << rangeAttr << "' expects two finite numbers, the smaller first";
  return success();
}

static LogicalResult verifyExtraBits(Operation *op, NamedAttribute attribute) {
  constexpr double most = 16;
  auto bits = dyn_cast<FloatAttr>(attribute.getValue());
  if (!bits || !bits.getType().isF64() || !(std::fabs(bits.getValueAsDouble()) <= most))
    return op->emitError() << "'" << attribute.getName().getValue() << "' expects an f64 from "
                           << -static_cast<int>(most) << " to " << static_cast<int>(most);
  return success();
}

/// The names of secure's protocols; this dialect knows no more of them.
static LogicalResult verifyProtocol(Operation *op, NamedAttribute attribute) {
  auto name = dyn_cast<StringAttr>(attribute.getValue());
  if (!isa<ReluOp, MaxPool2dOp, SplineOp>(op))
    return op->emitError() << "'" << protocolAttr << "' expects an operation that finds signs";
  if (!name || !llvm::is_contained({"table", "one_hot", "dcf"}, name.getValue()))
    return op->emitError() << "'" << protocolAttr << "' expects \"table\", \"one_hot\" or \"dcf\"";
  return success();
}

LogicalResult FixedDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() == rangeAttr) {
    if (op->getNumResults() != 1)
      return op->emitError() << "'" << rangeAttr << "' expects an operation with one result";
    return verifyRange(op, attribute);
  }
  if (attribute.getName() == extraBitsAttr || attribute.getName() == extraWeightScaleAttr) {
    if (op->getNumResults() != 1)
      return op->emitError() << "'" << attribute.getName().getValue()
                             << "' expects an operation with one result";
    return verifyExtraBits(op, attribute);
  }
  if (attribute.getName() == protocolAttr)
    return verifyProtocol(op, attribute);
  if (attribute.getName() == wholeOpeningsAttr) {
    if (!isa<ModuleOp>(op) || !isa<UnitAttr>(attribute.getValue()))
      return op->emitError() << "'" << wholeOpeningsAttr << "' expects a unit on a module";
    return success();
  }
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
  if (attribute.getName() == rangeAttr)
    return verifyRange(op, attribute);
  if (attribute.getName() == extraBitsAttr)
    return verifyExtraBits(op, attribute);
  return op->emitError() << "'" << attribute.getName().getValue()
                         << "' is not an attribute of arguments in the fixed dialect";
}

LogicalResult FixedDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned,
                                                        NamedAttribute attribute) {
  if (attribute.getName() == nameAttr)
    return verifyName(op, attribute);
  if (attribute.getName() == postAxisAttr || attribute.getName() == postCountAttr) {
    auto number = dyn_cast<IntegerAttr>(attribute.getValue());
    if (!number || !number.getType().isInteger(64) || number.getInt() < 0)
      return op->emitError() << "'" << attribute.getName().getValue()
                             << "' expects an i64 that is not negative";
    return success();
  }
  if (attribute.getName() == shapeAttr) {
    if (!isa<DenseI64ArrayAttr>(attribute.getValue()))
      return op->emitError() << "'" << shapeAttr << "' expects an array of i64";
    return success();
  }
  if (attribute.getName() != postAttr)
    return op->emitError() << "'" << attribute.getName().getValue()
                           << "' is not an attribute of results in the fixed dialect";
  auto post = dyn_cast<StringAttr>(attribute.getValue());
  if (!post ||
      !llvm::is_contained({"none", "softmax", "log_softmax", "argmax", "argmax_last", "top_values",
                           "top_indices", "bottom_values", "bottom_indices", "index"},
                          post.getValue()))
    return op->emitError()
           << "'" << postAttr
           << "' expects none, softmax, log_softmax, argmax, argmax_last, top_values, "
              "top_indices, bottom_values, bottom_indices or index";
  return success();
}

/// An attribute of the operation or, on its function, of the argument that a value is.
template <class Kind> static Kind valueAttribute(Value value, StringRef name) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto function = dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
    return function ? function.getArgAttrOfType<Kind>(argument.getArgNumber(), name) : Kind();
  }
  return value.getDefiningOp()->getAttrOfType<Kind>(name);
}

static void setValueAttribute(Value value, StringRef name, Attribute attribute) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    cast<FunctionOpInterface>(argument.getOwner()->getParentOp())
        .setArgAttr(argument.getArgNumber(), name, attribute);
  else
    value.getDefiningOp()->setAttr(name, attribute);
}

std::optional<RealRange> calibratedRange(Value value) {
  auto range = valueAttribute<DenseF64ArrayAttr>(value, rangeAttr);
  if (!range)
    return std::nullopt;
  return RealRange{range[0], range[1]};
}

void setCalibratedRange(Value value, RealRange range) {
  setValueAttribute(value, rangeAttr,
                    DenseF64ArrayAttr::get(value.getContext(), {range.min, range.max}));
}

static FloatAttr number(MLIRContext *context, double value) {
  return FloatAttr::get(Float64Type::get(context), value);
}

std::optional<double> extraBits(Value value) {
  auto bits = valueAttribute<FloatAttr>(value, extraBitsAttr);
  return bits ? std::optional(bits.getValueAsDouble()) : std::nullopt;
}

void setExtraBits(Value value, double bits) {
  setValueAttribute(value, extraBitsAttr, number(value.getContext(), bits));
}

std::optional<double> extraWeightScale(Operation *linear) {
  auto bits = linear->getAttrOfType<FloatAttr>(extraWeightScaleAttr);
  return bits ? std::optional(bits.getValueAsDouble()) : std::nullopt;
}

void setExtraWeightScale(Operation *linear, double bits) {
  linear->setAttr(extraWeightScaleAttr, number(linear->getContext(), bits));
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
