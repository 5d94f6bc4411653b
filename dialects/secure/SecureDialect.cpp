// SPDX-License-Identifier: Apache-2.0
// Registration, and the text form and checks of types: `1x64x8x8, scale = 12`.
#include "dialects/secure/SecureDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace gfs::secure;

#include "dialects/secure/SecureDialect.cpp.inc"
#include "dialects/secure/SecureEnums.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/secure/SecureTypes.cpp.inc"

void SecureDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/secure/SecureOps.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/secure/SecureTypes.cpp.inc"
      >();
}

static Type parseTensor(AsmParser &parser, function_ref<Type(ArrayRef<int64_t>, int32_t)> make) {
  SmallVector<int64_t> shape;
  int32_t scale = 0;
  if (parser.parseLess())
    return {};
  // A scalar has no dimensions: `<scale = 3>`.
  if (failed(parser.parseOptionalKeyword("scale"))) {
    if (parser.parseDimensionList(shape, /*allowDynamic=*/false, /*withTrailingX=*/false) ||
        parser.parseComma() || parser.parseKeyword("scale"))
      return {};
  }
  if (parser.parseEqual() || parser.parseInteger(scale) || parser.parseGreater())
    return {};
  return make(shape, scale);
}

static void printTensor(AsmPrinter &printer, ArrayRef<int64_t> shape, int32_t scale) {
  printer << '<';
  if (!shape.empty()) {
    printer.printDimensionList(shape);
    printer << ", ";
  }
  printer << "scale = " << scale << '>';
}

static LogicalResult verifyTensor(function_ref<InFlightDiagnostic()> emitError,
                                  ArrayRef<int64_t> shape, int32_t scale) {
  // The plan's bound: 2^31 elements a value.
  int64_t elements = 1;
  for (int64_t extent : shape) {
    if (extent < 1 || extent > (int64_t(1) << 31) / elements)
      return emitError() << "expects positive extents with a product of at most 2^31";
    elements *= extent;
  }
  if (scale < -64 || scale > 64)
    return emitError() << "expects a scale in [-64, 64], got " << scale;
  return success();
}

#define GFS_SECURE_TENSOR(Name)                                                                    \
  Type Name::parse(AsmParser &parser) {                                                            \
    return parseTensor(parser, [&](ArrayRef<int64_t> shape, int32_t scale) -> Type {               \
      return parser.getChecked<Name>(parser.getContext(), shape, scale);                           \
    });                                                                                            \
  }                                                                                                \
  void Name::print(AsmPrinter &printer) const { printTensor(printer, getShape(), getScale()); }    \
  LogicalResult Name::verify(function_ref<InFlightDiagnostic()> emitError,                         \
                             ArrayRef<int64_t> shape, int32_t scale) {                             \
    return verifyTensor(emitError, shape, scale);                                                  \
  }
GFS_SECURE_TENSOR(ShareType)
GFS_SECURE_TENSOR(MaskedType)
GFS_SECURE_TENSOR(WeightType)
#undef GFS_SECURE_TENSOR
