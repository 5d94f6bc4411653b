// SPDX-License-Identifier: Apache-2.0
// Runs a compiled plan privately on inputs whose outputs are known, and compares.
#pragma once

#include "compiler/verify/TestSets.h"
#include "runtime/exec/Program.h"

#include <optional>

namespace gfs {

/// One output of one set.
struct OutputCheck {
  std::string set, output;
  uint64_t elements = 0;
  double maxError = 0;      ///< Largest absolute difference; NaN if an expected value is none.
  double relativeError = 0; ///< maxError over the largest expected magnitude (0.1 if that is less).
  /// Rows with the same largest element, and all rows, if the output looks like scores.
  std::optional<std::pair<uint64_t, uint64_t>> agreement;
  bool good = false; ///< relativeError is within the tolerance; indices must be the same.
};

/// Executes every set once with both servers in this process: real protocol, fresh material, keys
/// that exist only here. `weights[id]` are the clear integers of the plan's weight tensors. The
/// sets' outputs are what the client should get after post-processing. Errors: those of
/// tensorOfPort; RangeCheck if an input does not fit its format.
std::vector<OutputCheck> verifyPlan(const plan::LoadedPlan &plan,
                                    const std::vector<std::vector<int64_t>> &weights,
                                    const std::vector<TestSet> &sets, double tolerance);

/// A table, one line an output.
std::string checkText(const std::vector<OutputCheck> &checks, double tolerance);

} // namespace gfs
