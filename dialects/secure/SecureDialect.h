// SPDX-License-Identifier: Apache-2.0
// The secure dialect: types, operations, and what every pass asks about them.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/secure/SecureDialect.h.inc"
#include "dialects/secure/SecureEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/secure/SecureTypes.h.inc"

#define GET_OP_CLASSES
#include "dialects/secure/SecureOps.h.inc"

namespace gfs::secure {

// Attributes of the module.
constexpr llvm::StringLiteral ringBitsAttr = "secure.ring_bits";
constexpr llvm::StringLiteral weightModeAttr = "secure.weight_mode";
/// Unit: opens send all bits.
constexpr llvm::StringLiteral wholeOpeningsAttr = "secure.whole_openings";
constexpr llvm::StringLiteral exchangesAttr =
    "secure.exchanges"; ///< Number of exchanges; by the schedule.
constexpr llvm::StringLiteral arenaWordsAttr =
    "secure.arena_words";                               ///< Ring words; by the memory plan.
constexpr llvm::StringLiteral costAttr = "secure.cost"; ///< Dictionary; by secure-summarize-cost.
// Attributes of arguments and results of @main, and of operations.
constexpr llvm::StringLiteral nameAttr = "secure.name";
constexpr llvm::StringLiteral seenAttr = "secure.seen"; ///< Of inputs: f64, see plan.proto.
constexpr llvm::StringLiteral postAttr = "secure.post";
constexpr llvm::StringLiteral postAxisAttr = "secure.post_axis";
constexpr llvm::StringLiteral postCountAttr = "secure.post_count";
constexpr llvm::StringLiteral shapeAttr = "secure.shape";
constexpr llvm::StringLiteral offsetAttr = "secure.offset"; ///< First ring word in the arena.

/// Shape and scale of a value of this dialect.
llvm::ArrayRef<int64_t> shapeOf(mlir::Type type);
int32_t scaleOf(mlir::Type type);
int64_t elementsOf(mlir::Type type);
/// A type of the same kind with another shape and scale.
mlir::Type withShapeAndScale(mlir::Type type, llvm::ArrayRef<int64_t> shape, int32_t scale);

/// Messages a comparison over n = high - low bits exchanges: 1 for a table, 1 + ceil(log2(ceil(n /
/// 4))) for one-hot chunks (their shifted bits, then a tree of ANDs), 0 for a comparison key with
/// payload.
unsigned comparisonMessages(Protocol protocol, int64_t windowBits);
/// Messages `op` sends, one an exchange: 1 for an open, comparisonMessages() for ReLU and spline,
/// else 0.
unsigned messageCount(mlir::Operation *op);
/// The exchanges that carry them; empty while the program is not scheduled.
llvm::ArrayRef<int64_t> exchangesOf(mlir::Operation *op);

/// Follows `value` through views to the value whose memory it shares.
mlir::Value skipViews(mlir::Value value);
/// True if `use` reads its operand as a flat array, so that the operand's shape does not matter.
bool readsFlat(mlir::OpOperand &use);
/// True if no use of a reshape needs a copy with the new shape.
bool isView(ReshapeOp reshape);

/// The only function of a secure program, or null (with a diagnostic).
mlir::func::FuncOp mainFunction(mlir::ModuleOp module);

} // namespace gfs::secure
