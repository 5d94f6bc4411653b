// SPDX-License-Identifier: Apache-2.0
// host:port, as flags and messages write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gfs {

struct Endpoint {
  std::string host; ///< Name or address; IPv6 without brackets.
  uint16_t port = 0;
  /// "host:port", "[::1]:port" for IPv6.
  std::string text() const;
};

/// Parses "host:port" or "[ipv6]:port". Throws Usage, naming `flag`.
Endpoint parseEndpoint(std::string_view text, std::string_view flag);

} // namespace gfs
