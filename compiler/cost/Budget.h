// SPDX-License-Identifier: Apache-2.0
// Bounds that a user sets on what an inference may cost.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace gfs {

struct Budget {
  std::optional<double> milliseconds = {}; ///< Predicted, online. Positive.
  std::optional<uint64_t> dealtBytes = {}; ///< To both servers. Positive.

  bool given() const { return milliseconds || dealtBytes; }

  /// Cost over bound, the larger of the two: at most 1 if the budget is met; 0 without bounds.
  double load(double seconds, uint64_t bytes) const {
    double time = milliseconds ? 1e3 * seconds / *milliseconds : 0;
    double material =
        dealtBytes ? static_cast<double>(bytes) / static_cast<double>(*dealtBytes) : 0;
    return std::max(time, material);
  }
  bool metBy(double seconds, uint64_t bytes) const { return load(seconds, bytes) <= 1; }

  /// The options that ask for it: "--budget-ms=2 --budget-bytes=1000000".
  std::string text() const;
  /// The options of a budget of the same bounds that this cost just meets: times are rounded up to
  /// three digits.
  std::string relaxedTo(double seconds, uint64_t bytes) const;
};

} // namespace gfs
