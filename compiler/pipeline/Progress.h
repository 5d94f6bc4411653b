// SPDX-License-Identifier: Apache-2.0
// Progress lines, warnings and the times of phases; all on standard error.
#pragma once

#include "compiler/pipeline/Phases.h"

#include <chrono>
#include <string>
#include <vector>

namespace gfs {

class Progress {
public:
  explicit Progress(int verbosity) : verbosity(verbosity) {}

  /// Runs one phase: `body` returns what it made, in a few words, which ends the line "[2/6]
  /// optimise  …".
  template <class Body> void run(Phase phase, Body body) {
    auto start = std::chrono::steady_clock::now();
    std::string made = body();
    finish(phase, made,
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  void warn(const std::string &text) const;
  /// Shown with -v only.
  void remark(const std::string &text) const;
  void say(const std::string &text) const;
  /// One line for each phase and their sum.
  std::string timingTable() const;

private:
  void finish(Phase phase, const std::string &made, double seconds);

  int verbosity;
  std::vector<std::pair<Phase, double>> times;
};

} // namespace gfs
