// SPDX-License-Identifier: Apache-2.0
// The nn dialect: operations, and names of nodes, inputs and outputs.
#pragma once

#include "dialects/common/NodeNames.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <string>

namespace gfs::nn {

constexpr llvm::StringLiteral nameAttr = "nn.name";
/// i64 array, on a result of `main`: the model's shape of it, where reshapes behind what the client
/// computes were left out.
constexpr llvm::StringLiteral shapeAttr = "nn.shape";
/// Unit, on a product with a scalar: the scalar belongs to the model's structure (an attribute of
/// an operator, say), so it may stand in the plan. Others are weights.
constexpr llvm::StringLiteral publicFactorAttr = "nn.public_factor";

/// The most elements a value may have.
constexpr int64_t maxElements = int64_t(1) << 31;

/// Whether all extents are positive and their product is at most maxElements.
bool isValidShape(llvm::ArrayRef<int64_t> shape);

/// Whether the dialect has values of this type: static f32 tensors with a valid shape.
bool isNnTensor(mlir::Type type);

/// Whether the client does this to an output: softmax, log_softmax, argmax, top_values, top_indices.
bool isPostProcess(mlir::Operation *op);

/// Multiplications of one evaluation, in the convolutions and matrix products within `program`.
double multiplications(mlir::Operation *program);

using gfs::layerName;

} // namespace gfs::nn

#include "dialects/nn/NnDialect.h.inc"
#include "dialects/nn/NnEnums.h.inc"

#define GET_OP_CLASSES
#include "dialects/nn/NnOps.h.inc"
