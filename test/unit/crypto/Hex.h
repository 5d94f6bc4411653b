// SPDX-License-Identifier: Apache-2.0
// Hexadecimal literals, as standards print their test vectors.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gfs {

/// Bytes of an even number of hexadecimal digits; blanks are skipped.
inline std::vector<uint8_t> fromHex(std::string_view text) {
  std::vector<uint8_t> bytes;
  int high = -1;
  for (char c : text) {
    if (c == ' ')
      continue;
    int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<uint8_t>(high << 4 | digit));
      high = -1;
    }
  }
  return bytes;
}

} // namespace gfs
