// SPDX-License-Identifier: Apache-2.0
#include "compiler/cost/Budget.h"

#include <cmath>
#include <fmt/format.h>

namespace gfs {

std::string Budget::text() const {
  std::string text = milliseconds ? fmt::format("--budget-ms={:g}", *milliseconds) : "";
  if (dealtBytes)
    text += fmt::format("{}--budget-bytes={}", text.empty() ? "" : " ", *dealtBytes);
  return text;
}

/// The least number of three digits that is not below `value`, which is positive.
static double roundedUp(double value) {
  double unit = std::pow(10, std::floor(std::log10(value)) - 2);
  return std::ceil(value / unit) * unit;
}

std::string Budget::relaxedTo(double seconds, uint64_t bytes) const {
  Budget relaxed = *this;
  if (milliseconds)
    relaxed.milliseconds = std::max(*milliseconds, roundedUp(std::max(1e3 * seconds, 1e-9)));
  if (dealtBytes)
    relaxed.dealtBytes = std::max(*dealtBytes, bytes);
  return relaxed.text();
}

} // namespace gfs
