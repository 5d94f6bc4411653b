// SPDX-License-Identifier: Apache-2.0
// The page carries the JSON report and a script that draws it.
#include "compiler/report/Page.h"
#include "compiler/report/Report.h"

#include "runtime/base/Error.h"

namespace gfs {

/// JSON that may stand inside <script>: with no '<', no name of the model can end the element or
/// begin another.
static std::string scriptSafe(const nlohmann::ordered_json &json) {
  // Names come from a model file: bytes that are no UTF-8 are replaced, not refused.
  std::string text = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::string safe;
  for (char c : text)
    c == '<' ? safe += "\\u003c" : safe += c;
  return safe;
}

std::string reportHtml(const nlohmann::ordered_json &report) {
  std::string html(page::markup);
  auto fill = [&](std::string_view place, std::string_view text) {
    size_t at = html.find(place);
    check(at != std::string::npos, "the report's page has all its places");
    html.replace(at, place.size(), text);
  };
  fill("{{style}}", page::style);
  fill("{{script}}", page::script);
  // Last: what the data contain is not searched for places.
  fill("{{data}}", scriptSafe(report));
  return html;
}

} // namespace gfs
