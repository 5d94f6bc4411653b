// SPDX-License-Identifier: Apache-2.0
// What gfs-inspect prints: text for people, JSON for programs.
#pragma once

#include "runtime/inspect/PlanJson.h"

#include <filesystem>
#include <string>

namespace gfs::inspect {

/// Ring, ports, sizes and totals.
std::string overviewText(const Program &program, const Summary &summary, const std::string &file);
/// One line a step.
std::string layersText(const Summary &summary);
/// One line an exchange.
std::string scheduleText(const Program &program, const Summary &summary);

/// A weights, key or material file: kind, ids, and for material the records that are left.
nlohmann::ordered_json fileJson(const std::filesystem::path &path);
std::string fileText(const nlohmann::ordered_json &file, const std::string &name);

} // namespace gfs::inspect
