// SPDX-License-Identifier: Apache-2.0
// Networks back to ONNX: what was optimised and chosen, for fine-tuning and for other tools.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>

namespace gfs {

/// The ONNX opset that exported models use.
inline constexpr int64_t exportedOpset = 20;

/// A serialised ONNX model of a function in the nn dialect. A mixed activation becomes m * Relu(x)
/// + (a x + b) x + c, constants per channel, which nn-recognise-quadratics reads back.
/// Deterministic.
///
/// Errors: Unsupported for operations that have no ONNX form, named with their layer.
std::string exportOnnx(mlir::func::FuncOp function, const std::string &graphName);

} // namespace gfs
