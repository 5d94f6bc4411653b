// SPDX-License-Identifier: Apache-2.0
// How far the replacement may go: each half of the samples judges what the other half chose.
#pragma once

#include "compiler/choose/Choose.h"

namespace gfs {

/// Points of the way from no replacement to the goal, and the one to take.
struct CrossValidation {
  std::vector<ChoosePoint> points; ///< Ascending; the first is no replacement but pinned ones.
  size_t chosen = 0;               ///< Index into `points`.
};

/// Goes along the path with each half of the samples and measures every step on the other half.
/// Takes the last point, or with Kind::Auto the last one that the goal allows. `progress` gets 0
/// to 1. Errors: RangeCheck, with the nearest point that the goal allows or the pins leave.
CrossValidation crossValidate(mlir::func::FuncOp function, const SampleBatch &samples,
                              const ChooseGoal &goal, const ChooseProgress &progress);

} // namespace gfs
