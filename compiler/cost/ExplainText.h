// SPDX-License-Identifier: Apache-2.0
// Costs and choices for people and for programs.
#pragma once

#include "compiler/cost/ProtocolChoice.h"

#include <nlohmann/json.hpp>

namespace gfs {

/// One line per layer: its gates, what was chosen, predicted milliseconds, messages, bytes each
/// way, dealt bytes, and what the alternatives would take; then the total.
std::string explanationText(const CostExplanation &explanation, const CostGoal &goal);

/// The section "explain" of a report. Keys: network {name, round_trip_ms, mbit_per_s}, machine,
/// prefer, total and layers[]; a cost is {predicted_ms, compute_ms, delay_ms, transfer_ms,
/// exchanges, bytes_each_way, dealt_bytes}; a layer has also layer, gates, protocol and
/// alternatives[] of {protocol, cost}.
nlohmann::ordered_json explanationJson(const CostExplanation &explanation, const CostGoal &goal);

} // namespace gfs
