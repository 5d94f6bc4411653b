// SPDX-License-Identifier: Apache-2.0
// From a scheduled, placed and verified secure program to the messages of plan.bin and the contents
// of plan.weights.
#pragma once

#include "runtime/plan/Plan.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gfs {

struct EmittedPlan {
  plan::Plan plan;
  /// Clear integers of weight tensor i, at the scale that the plan names.
  std::vector<std::vector<int64_t>> weights;
};

/// Writes what `module` says and decides nothing: the same module gives the same bytes. The module
/// has been through secure::buildSecurePipeline(); anything else is an Internal error, also if a
/// gate sends another number of messages than the schedule gave it.
EmittedPlan emitPlan(mlir::ModuleOp module, const std::string &compiler, const std::string &model);

/// The plan without what it says for people only: the names of nodes, weight tensors and model.
/// Inputs and outputs keep theirs, which clients find them by.
plan::Plan withoutNames(plan::Plan plan);

} // namespace gfs
