// SPDX-License-Identifier: Apache-2.0
// A plan as JSON, for gfs-inspect --json and the compiler's report.
#pragma once

#include "runtime/inspect/PlanSummary.h"

#include <nlohmann/json.hpp>

namespace gfs::inspect {

/// Everything about a plan: ports, totals, the predicted time, one object a step, one an exchange.
/// `schema` 1: keys are
/// added within a schema, never renamed or removed. `file` is what the plan is called.
nlohmann::ordered_json planJson(const Program &program, const Summary &summary,
                                const std::string &file);

} // namespace gfs::inspect
