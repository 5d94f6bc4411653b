// SPDX-License-Identifier: Apache-2.0
#include "compiler/debug/LayerComparison.h"

#include <algorithm>
#include <fmt/format.h>

namespace gfs {

const LayerRow *LayerComparison::firstDivergent() const {
  auto row =
      std::find_if(rows.begin(), rows.end(), [&](const LayerRow &row) { return diverges(row); });
  return row == rows.end() ? nullptr : &*row;
}

std::string comparisonText(const LayerComparison &comparison) {
  size_t width = 5;
  for (const LayerRow &row : comparison.rows)
    width = std::max(width, row.layer.size());
  std::string text = fmt::format(
      "{}: ring of {} bits, {} bit activations, {}\n  {:<{}}  {:<11} {:>9} {:>5} {:>10} {:>10} "
      "{:>10} {:>8} {:>9}\n",
      comparison.model, comparison.ringBits, comparison.activationBits,
      comparison.exact ? "exact signs" : fmt::format("{} bit windows", comparison.windowBits),
      "layer", width, "operation", "elements", "scale", "magnitude", "max error", "rms error",
      "room", "differing");
  for (const LayerRow &row : comparison.rows)
    text +=
        fmt::format("  {:<{}}  {:<11} {:>9} {:>5} {:>10.4g} {:>10.3g} {:>10.3g} {:>8} {:>9}{}\n",
                    row.layer, width, row.operation, row.elements, row.scale, row.magnitude,
                    row.maxError, row.rmsError, fmt::format("x{:.3g}", row.room), row.differing,
                    comparison.diverges(row) ? "  DIVERGES" : "");
  if (const LayerRow *first = comparison.firstDivergent())
    return text + fmt::format("first layer that diverges: {} ({})\n", first->layer,
                              first->differing ? "the servers compute other integers than the plan"
                              : first->room < 1
                                  ? "values leave the ring or the sign window"
                                  : fmt::format("error of {:.3g} of the magnitude, tolerance {:g}",
                                                first->relativeError(), comparison.tolerance));
  return text + fmt::format("no layer diverges: private and clear integers are the same, errors "
                            "stay within {:g} of the magnitude\n",
                            comparison.tolerance);
}

nlohmann::ordered_json comparisonJson(const LayerComparison &comparison) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const LayerRow &row : comparison.rows)
    layers.push_back({{"layer", row.layer},
                      {"operation", row.operation},
                      {"elements", row.elements},
                      {"scale", row.scale},
                      {"magnitude", row.magnitude},
                      {"max_error", row.maxError},
                      {"rms_error", row.rmsError},
                      {"room", row.room},
                      {"differing", row.differing},
                      {"diverges", comparison.diverges(row)}});
  const LayerRow *first = comparison.firstDivergent();
  nlohmann::ordered_json result = {{"schema", 1},
                                   {"model", comparison.model},
                                   {"formats",
                                    {{"ring_bits", comparison.ringBits},
                                     {"activation_bits", comparison.activationBits},
                                     {"window_bits", comparison.windowBits},
                                     {"exact", comparison.exact}}},
                                   {"tolerance", comparison.tolerance},
                                   {"layers", layers}};
  result["first_divergent"] = first ? nlohmann::ordered_json(first->layer) : nullptr;
  return result;
}

} // namespace gfs
