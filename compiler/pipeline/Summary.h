// SPDX-License-Identifier: Apache-2.0
// The few lines at the end of a compilation.
#pragma once

#include "runtime/inspect/PlanSummary.h"

#include <optional>
#include <string>

namespace gfs {

/// How the plan did on the calibration samples, run in clear.
struct CalibrationResult {
  size_t samples = 0;
  bool synthetic = false;
  double relativeError = 0; ///< Root mean square, of the outputs.
  double agreement = 1;     ///< Share of samples with the same largest element.
};

std::string summaryText(const Program &program, const Environment &environment,
                        const std::optional<CalibrationResult> &calibration);

} // namespace gfs
