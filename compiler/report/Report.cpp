// SPDX-License-Identifier: Apache-2.0
#include "compiler/report/Report.h"

#include "runtime/base/Error.h"
#include "runtime/base/StagedFiles.h"
#include "runtime/inspect/Leakage.h"
#include "runtime/inspect/PlanJson.h"

namespace gfs {

using Json = nlohmann::ordered_json;

static Json headroomJson(const std::vector<fixed::RangeRow> &rows) {
  Json list = Json::array();
  for (const fixed::RangeRow &row : rows)
    list.push_back({{"layer", row.layer},
                    {"operation", row.operation},
                    {"magnitude", row.magnitude},
                    {"operand_scale", row.operandScale},
                    {"result_scale", row.resultScale},
                    {"weight_bits", row.weightBits},
                    {"shift", row.shift},
                    {"window", {row.low, row.high}},
                    {"headroom", row.headroom}});
  return list;
}

static Json leakageJson(const std::vector<inspect::RoleSight> &roles) {
  Json list = Json::array();
  for (const inspect::RoleSight &role : roles) {
    Json sights = Json::array();
    for (const inspect::Sight &sight : role.sights)
      sights.push_back({{"kind", sight.kind}, {"text", sight.text}, {"details", sight.details}});
    list.push_back({{"role", role.role}, {"sights", sights}});
  }
  return list;
}

Json reportJson(const Program &program, const ReportParts &parts) {
  inspect::Summary summary = inspect::summarize(program, parts.environment);
  Json report = {{"schema", 1},
                 {"kind", "gfscc report"},
                 {"plan", inspect::planJson(program, summary, program.plan().model())}};
  if (!parts.formats.is_null())
    report["formats"] = parts.formats;
  if (!parts.calibration.is_null())
    report["calibration"] = parts.calibration;
  report["headroom"] = headroomJson(parts.ranges);
  for (const auto &[name, section] : parts.sections.items())
    report[name] = section;
  report["leakage"] = leakageJson(inspect::leakage(program, summary));
  return report;
}

bool isReportName(const std::filesystem::path &path) {
  return path.extension() == ".html" || path.extension() == ".json";
}

void writeReport(const Json &report, const std::filesystem::path &path) {
  writeFile(path, path.extension() == ".html" ? reportHtml(report) : report.dump(2) + "\n");
}

} // namespace gfs
