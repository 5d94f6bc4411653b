// SPDX-License-Identifier: Apache-2.0
// Passes on the fixed dialect.
#pragma once

#include "dialects/fixed/FixedDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace gfs::fixed {

#define GEN_PASS_DECL
#include "passes/fixed/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/fixed/Passes.h.inc"

inline void registerFixedPasses() { registerGfsFixedPasses(); }

} // namespace gfs::fixed
