// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline/Progress.h"

#include <cstdio>
#include <fmt/format.h>

namespace gfs {

void Progress::finish(Phase phase, const std::string &made, double seconds) {
  times.emplace_back(phase, seconds);
  say(fmt::format("[{}/{}] {:<9} {} ({:.2f} s)", static_cast<size_t>(phase) + 1, allPhases.size(),
                  info(phase).name, made, seconds));
}

void Progress::warn(const std::string &text) const {
  if (verbosity >= 1)
    fmt::print(stderr, "gfscc: warning: {}\n", text);
}

void Progress::remark(const std::string &text) const {
  if (verbosity >= 2)
    fmt::print(stderr, "        {}\n", text);
}

void Progress::say(const std::string &text) const {
  if (verbosity >= 1)
    fmt::print(stderr, "{}\n", text);
}

std::string Progress::timingTable() const {
  std::string text;
  double sum = 0;
  for (auto [phase, seconds] : times) {
    text += fmt::format("  {:<9} {:8.3f} s  {}\n", info(phase).name, seconds, info(phase).sentence);
    sum += seconds;
  }
  return text + fmt::format("  {:<9} {:8.3f} s\n", "all", sum);
}

} // namespace gfs
