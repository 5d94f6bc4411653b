// SPDX-License-Identifier: Apache-2.0
// Flags that say how a model is read and in which formats it computes; the same for gfscc and
// gfs-debug.
#pragma once

#include "compiler/pipeline/Options.h"
#include "runtime/base/Error.h"
#include "tools/common/CommandLine.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gfs {

/// "input=1x3x32x32", or "1x3x32x32" for the only input, whose name is then empty.
inline std::pair<std::string, std::vector<int64_t>> parseShape(const std::string &text) {
  auto fail = [&] {
    return Error(ExitCode::Usage,
                 "--shape: '" + text + "' is not EXTENTxEXTENT… or NAME=EXTENTxEXTENT…",
                 "write for example --shape input=1x3x32x32");
  };
  size_t equals = text.rfind('=');
  if (equals == 0)
    throw fail();
  const bool named = equals != std::string::npos;
  std::vector<int64_t> shape;
  for (size_t start = named ? equals + 1 : 0; start <= text.size();) {
    size_t end = std::min(text.find('x', start), text.size());
    std::string extent = text.substr(start, end - start);
    if (extent.empty() || extent.size() > 9 ||
        extent.find_first_not_of("0123456789") != std::string::npos || std::stoll(extent) == 0)
      throw fail();
    shape.push_back(std::stoll(extent));
    start = end + 1;
  }
  return {named ? text.substr(0, equals) : std::string(), shape};
}

/// The ranges are those of the pass convert-nn-to-fixed.
inline void addFormatNumbers(CLI::App &app, FormatOptions &formats) {
  app.add_option("--activation-bits", formats.activationBits, "bits of the largest activation")
      ->check(within(4U, 24U));
  app.add_option("--window-bits", formats.windowBits, "bits that decide a sign")
      ->check(within(3U, 40U));
  app.add_option("--headroom", formats.headroom,
                 "factor between calibrated and representable magnitudes")
      ->check(within(1.0, 1024.0));
}

/// "scores,boxes"
inline std::vector<std::string> parseOutputs(const std::string &text) {
  std::vector<std::string> names;
  for (size_t start = 0; start <= text.size();) {
    size_t end = std::min(text.find(',', start), text.size());
    std::string name = text.substr(start, end - start);
    if (name.empty())
      throw Error(ExitCode::Usage, "--outputs: '" + text + "' is not NAME,NAME…",
                  "write for example --outputs=scores,boxes");
    if (std::find(names.begin(), names.end(), name) != names.end())
      throw Error(ExitCode::Usage, "--outputs: names '" + name + "' twice", "name it once");
    names.push_back(name);
    start = end + 1;
  }
  return names;
}

} // namespace gfs
