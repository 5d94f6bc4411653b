// SPDX-License-Identifier: Apache-2.0
// From a model file to a plan and its companions.
#pragma once

#include "compiler/pipeline/Options.h"

namespace gfs {

/// Runs the phases up to options.last, reports on standard error, prints what options.emit asks for
/// on standard output, and writes the files if options.output is given. A model of suffix .mlir
/// holds a program in one of the compiler's languages; compilation continues where it stands.
///
/// Errors: Usage (contradicting options), InputUnreadable, InvalidInput, Unsupported (all refused
/// nodes at once), RangeCheck (ranges do not fit the ring), OutputUnwritable (also: keys exist and
/// options.force is not set).
void compile(const CompileOptions &options);

} // namespace gfs
