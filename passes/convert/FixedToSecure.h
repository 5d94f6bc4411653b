// SPDX-License-Identifier: Apache-2.0
// The conversion from clear integers to two-party steps.
#pragma once

#include "dialects/fixed/FixedDialect.h"
#include "dialects/secure/SecureDialect.h"

#include "mlir/Pass/Pass.h"

namespace gfs {

#define GEN_PASS_DECL
#include "passes/convert/FixedToSecure.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/convert/FixedToSecure.h.inc"

} // namespace gfs
