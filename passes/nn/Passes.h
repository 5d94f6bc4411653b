// SPDX-License-Identifier: Apache-2.0
// Passes on the nn dialect.
#pragma once

#include "dialects/nn/NnDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

#include <cmath>

namespace gfs::nn {

/// On nn.relu, for nn-choose-activations: what its channels are to become.
constexpr llvm::StringLiteral choicesAttr = "nn.choices";

/// |a| below this part of |b| bends a channel of a mixed activation by less than activations are
/// rounded: it is a line.
constexpr double leastCurvature = 0x1p-12;
inline bool isQuadratic(double a, double b) { return std::fabs(a) > leastCurvature * std::fabs(b); }

#define GEN_PASS_DECL
#include "passes/nn/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/nn/Passes.h.inc"

inline void registerNnPasses() { registerGfsNnPasses(); }

/// From what was imported to what converts to fixed point, but for mixed activations.
void buildNnPipeline(mlir::OpPassManager &passes);

/// After activations are chosen: mixed activations become gates and weights.
void buildFusionPipeline(mlir::OpPassManager &passes);

} // namespace gfs::nn
