// SPDX-License-Identifier: Apache-2.0
// A progress line on a terminal; nothing where stderr is a file or a pipe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace gfs::serve {

class Progress {
public:
  /// "dealing  37/100 [###......] 1.2 GB, 45 MB/s, 0:12 left"; `done` records exist already.
  Progress(std::string label, uint64_t total, uint64_t done, bool quiet);
  ~Progress();
  /// `bytes`: written since the start.
  void update(uint64_t done, uint64_t bytes);
  /// Makes room for other text; the next update() shows the line again.
  void clear();

private:
  std::string label;
  uint64_t total, first;
  bool shown;
  std::chrono::steady_clock::time_point start, last;
};

} // namespace gfs::serve
