// SPDX-License-Identifier: Apache-2.0
// One secure operation as one step of the plan: shared by the cost summary and the plan writer.
#pragma once

#include "dialects/secure/SecureDialect.h"
#include "runtime/plan/plan.pb.h"

#include <functional>

namespace gfs::secure {

/// Shape, kind and scale; the offset is left to the caller.
plan::Value planValue(mlir::Type type);

/// The weight mode of a verified module.
plan::WeightMode planWeightMode(mlir::ModuleOp module);

/// The node names an operation came from, joined with " + "; empty if unknown.
std::string nodeName(mlir::Location location);

/// Name and gate of `op`; operands and result are left to the caller. `weightId` numbers
/// secure.weight values. `op` is neither a weight nor a return; a reshape becomes a copy (a scale
/// by one).
plan::Step planStep(mlir::Operation *op, const std::function<uint32_t(mlir::Value)> &weightId);

/// The operands of `op` that are values of the plan, in the order of the step's operands: not its
/// weights, and with views followed to the value they share memory with.
llvm::SmallVector<mlir::Value> planOperands(mlir::Operation *op);

} // namespace gfs::secure
