// SPDX-License-Identifier: Apache-2.0
// What a mistyped name was probably meant to be.
#pragma once

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace gfs {

/// Insertions, deletions and replacements of characters that make `b` of `a`.
inline size_t editDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t(0));
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j)
      diagonal = std::exchange(
          row[j + 1], std::min({row[j] + 1, row[j + 1] + 1, diagonal + (a[i] == b[j] ? 0 : 1)}));
  }
  return row.back();
}

/// The name that differs least from `wrong`; empty if all differ much.
inline std::string nearestName(const std::string &wrong, const std::vector<std::string> &names) {
  std::string nearest;
  size_t least = std::min<size_t>(3, (wrong.size() + 1) / 2);
  for (const std::string &name : names)
    if (const size_t distance = editDistance(wrong, name); distance < least) {
      least = distance;
      nearest = name;
    }
  return nearest;
}

} // namespace gfs
