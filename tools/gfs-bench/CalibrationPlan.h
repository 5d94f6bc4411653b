// SPDX-License-Identifier: Apache-2.0
// Plans of single gates, to be timed: what calibration runs.
#pragma once

#include "runtime/cost/MachineProfile.h"
#include "runtime/exec/Program.h"

#include <optional>
#include <string>
#include <vector>

namespace gfs {

/// A plan and what the time of each of its steps tells.
struct CalibrationPlan {
  struct Meaning {
    std::string work;                 ///< Of workNames, or "relu_key"; empty: nothing.
    double units = 1;                 ///< So many in the step.
    std::optional<LinearShape> layer; ///< A linear layer: units are multiplications.
  };
  plan::Plan plan;
  std::vector<Meaning> steps;
};

/// Every gate on `elements` elements (a multiple of 16 up to 64, else of 4096).
CalibrationPlan gateCalibration(unsigned ringBits, uint64_t elements);
/// A layer of each LinearShape.
CalibrationPlan layerCalibration(unsigned ringBits);

/// Median times in nanoseconds by step, of the slower of two servers on two threads.
std::vector<double> stepTimes(const plan::Plan &plan, unsigned runs);

double median(std::vector<double> values);

} // namespace gfs
