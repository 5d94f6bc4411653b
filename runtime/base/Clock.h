// SPDX-License-Identifier: Apache-2.0
// Time for measurements.
#pragma once

#include <chrono>

namespace gfs {

/// Seconds on a clock that never goes back; only differences mean something.
inline double secondsNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace gfs
