// SPDX-License-Identifier: Apache-2.0
// Passes on the secure dialect, and the pipeline that makes a secure program ready for the plan
// writer.
#pragma once

#include "dialects/secure/SecureDialect.h"

#include "mlir/Pass/Pass.h"

namespace gfs::secure {

#define GEN_PASS_DECL
#include "passes/secure/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/secure/Passes.h.inc"

inline void registerSecurePasses() { registerGfsSecurePasses(); }

/// Trimmed openings, schedule, memory plan, proof: turns any secure program into one that can be
/// emitted.
void buildSecurePipeline(mlir::OpPassManager &passes);

} // namespace gfs::secure
