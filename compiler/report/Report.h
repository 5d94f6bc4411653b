// SPDX-License-Identifier: Apache-2.0
// The report of a compilation: what was chosen, what it costs, what it leaves as head-room, who
// sees what.
#pragma once

#include "passes/fixed/RangeReport.h"
#include "runtime/cost/TimeModel.h"
#include "runtime/exec/Program.h"

#include <filesystem>
#include <nlohmann/json.hpp>

namespace gfs {

/// What the report needs beside the plan. Parts that a compilation did not make stay empty and are
/// left out of the report.
struct ReportParts {
  Environment environment;            ///< What times are predicted for.
  nlohmann::ordered_json formats;     ///< Ring, windows, activation bits, …: what the search chose.
  nlohmann::ordered_json calibration; ///< Samples, relative error, agreement.
  std::vector<fixed::RangeRow> ranges; ///< Head-room, layer by layer.
  /// Further sections by name: "explain" (explanationJson), "activations" (activationsJson) and
  /// "frontier" (choiceJson).
  nlohmann::ordered_json sections = nlohmann::ordered_json::object();
};

/// The report as JSON: `schema` 1 (keys are added within a schema, never renamed or removed),
/// `plan` as gfs-inspect --json prints it, `formats`, `calibration`, `headroom`, `leakage`, and the
/// sections.
nlohmann::ordered_json reportJson(const Program &program, const ReportParts &parts);

/// The same as one HTML page that needs neither network nor other files.
std::string reportHtml(const nlohmann::ordered_json &report);

/// True if a report can be written to a file of this name: .html or .json.
bool isReportName(const std::filesystem::path &path);

/// Writes the form that the name asks for. Throws Error (4, unwritable).
void writeReport(const nlohmann::ordered_json &report, const std::filesystem::path &path);

} // namespace gfs
