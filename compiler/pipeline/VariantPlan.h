// SPDX-License-Identifier: Apache-2.0
// What a network with other activations would cost: by compiling it.
#pragma once

#include "compiler/choose/Choose.h"
#include "compiler/pipeline/Diagnostics.h"
#include "compiler/pipeline/Options.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace gfs {

/// Takes a copy of `module`, an optimised nn program, through all that is done to the chosen one:
/// the variant is written into it and fused, formats are searched with the calibration data,
/// protocols are chosen. What the chosen variant is predicted to cost is therefore what the plan
/// says in the end. `variant` is of the module's function; its outputs deviate by `relativeError`.
/// nullopt if no formats meet the tolerance. Errors: those of FixedStage but RangeCheck.
std::optional<VariantCost> costOfVariant(mlir::ModuleOp module, const Variant &variant,
                                         double relativeError, const CompileOptions &options,
                                         DiagnosticCollector &diagnostics);

/// --output=argmax: the servers choose the largest, in fixed point.
void addArgmaxPasses(mlir::OpPassManager &passes, double headroom);

} // namespace gfs
