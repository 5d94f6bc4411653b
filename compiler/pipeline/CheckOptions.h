// SPDX-License-Identifier: Apache-2.0
// What can be refused before any work is done.
#pragma once

#include "compiler/pipeline/Options.h"

namespace gfs {

/// Throws Usage for options that contradict each other or are out of range, OutputUnwritable for
/// outputs that could not be written after hours of work or would replace an input, and what
/// readTestSets throws.
void checkOptions(const CompileOptions &options);

} // namespace gfs
