// SPDX-License-Identifier: Apache-2.0
// The conversion from real numbers to integers of a ring.
#pragma once

#include "dialects/fixed/FixedDialect.h"
#include "dialects/nn/NnDialect.h"

#include "mlir/Pass/Pass.h"

namespace gfs {

#define GEN_PASS_DECL
#include "passes/convert/NnToFixed.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/convert/NnToFixed.h.inc"

/// The options of the pass; the table in NnToFixed.td holds their defaults and meaning.
using FixedOptions = ConvertNnToFixedOptions;

inline std::unique_ptr<mlir::Pass> createNnToFixedPass(const FixedOptions &options) {
  return createConvertNnToFixed(options);
}

} // namespace gfs
