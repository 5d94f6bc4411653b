// SPDX-License-Identifier: Apache-2.0
// The fixed dialect: types, operations, and access to weights and module attributes.
#pragma once

#include "dialects/common/NodeNames.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dialects/fixed/FixedDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/fixed/FixedTypes.h.inc"

#define GET_OP_CLASSES
#include "dialects/fixed/FixedOps.h.inc"

namespace gfs::fixed {

constexpr llvm::StringLiteral ringBitsAttr = "fixed.ring_bits";
/// Unit, of the module: becomes secure.whole_openings.
constexpr llvm::StringLiteral wholeOpeningsAttr = "fixed.whole_openings";
constexpr llvm::StringLiteral nameAttr = "fixed.name";
constexpr llvm::StringLiteral postAttr = "fixed.post";
constexpr llvm::StringLiteral postAxisAttr = "fixed.post_axis";
constexpr llvm::StringLiteral postCountAttr = "fixed.post_count";
constexpr llvm::StringLiteral shapeAttr = "fixed.shape";
constexpr llvm::StringLiteral rangeAttr = "fixed.range";
/// f64, on an operation with one result or on an argument: bits of the activation beyond
/// `activation-bits`, or less where negative. And on a linear operation: the scale of its weights,
/// beyond these bits, at which rounding them does as much harm as rounding such an activation. Not
/// whole, since they are rounded only once what both get is known.
constexpr llvm::StringLiteral extraBitsAttr = "fixed.extra_bits";
constexpr llvm::StringLiteral extraWeightScaleAttr = "fixed.extra_weight_scale";
/// On operations that find signs: "table", "one_hot" or "dcf"; none: the conversion's default.
constexpr llvm::StringLiteral protocolAttr = "fixed.protocol";

/// Smallest and largest real value a tensor's elements took in calibration.
struct RealRange {
  double min = 0, max = 0;
  double magnitude() const { return std::max(-min, max); }
  /// The largest difference of two elements.
  double spread() const { return max - min; }
};

/// The range of an operation's result or of a function's argument; nullopt if none was measured.
std::optional<RealRange> calibratedRange(mlir::Value value);
void setCalibratedRange(mlir::Value value, RealRange range);

/// See extraBitsAttr; nullopt if nobody said.
std::optional<double> extraBits(mlir::Value value);
void setExtraBits(mlir::Value value, double bits);
/// See extraWeightScaleAttr; nullopt if nobody said.
std::optional<double> extraWeightScale(mlir::Operation *linear);
void setExtraWeightScale(mlir::Operation *linear, double bits);

using gfs::layerName;

/// The ring width l of a verified module; nullopt if it has none.
std::optional<unsigned> ringBits(mlir::ModuleOp module);

/// The integers of a verified weight, in row-major order; empty if its resource was printed without
/// data.
std::vector<int64_t> weightValues(mlir::ElementsAttr value);

/// An attribute for fixed.weight: written out up to 16 elements, else a resource named after `name`
/// (made unique); i32 if all values fit, else i64. `element(i)` is element i in row-major order; it
/// is asked twice.
mlir::ElementsAttr makeWeightValue(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> shape,
                                   llvm::function_ref<int64_t(size_t)> element,
                                   llvm::StringRef name);

} // namespace gfs::fixed
