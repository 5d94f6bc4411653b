// SPDX-License-Identifier: Apache-2.0
// plan.bin and its companions on disk.
#pragma once

#include "compiler/emit/PlanEmitter.h"

#include <filesystem>
#include <vector>

namespace gfs {

/// Throws OutputUnwritable if plan, weights or keys are there: replacing one of them makes the
/// others, and material dealt for them, useless.
void refuseExistingSet(const std::filesystem::path &planPath);

/// Throws OutputUnwritable if plan.bin or plan.weights would replace a file that is not one of
/// GFS: a model's own external weights may have the same name.
void refuseForeignFiles(const std::filesystem::path &planPath);

/// Writes plan.bin, plan.weights and the three keys, replacing those that are there all or not at
/// all, and returns their paths. `loaded` is emitted.plan, with or without names, serialised and
/// verified; the clear weights are taken from `emitted` and released tensor by tensor. Errors:
/// OutputUnwritable.
std::vector<std::filesystem::path> writePlanFiles(const plan::LoadedPlan &loaded,
                                                  EmittedPlan emitted,
                                                  const std::filesystem::path &planPath);

} // namespace gfs
