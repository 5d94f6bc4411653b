// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/Endpoint.h"

#include "runtime/base/Error.h"

#include <charconv>

namespace gfs {

std::string Endpoint::text() const {
  bool ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port);
}

Endpoint parseEndpoint(std::string_view text, std::string_view flag) {
  auto refuse = [&](const char *cause) -> Endpoint {
    throw Error(ExitCode::Usage, fmt::format("{} {}: {}", flag, text, cause),
                "write host:port, for example 127.0.0.1:7000 or [::1]:7000");
  };
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return refuse("has no port");
  std::string_view host = text.substr(0, colon), digits = text.substr(colon + 1);
  unsigned port = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port > 65535)
    return refuse("the port is not a number from 0 to 65535");
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return refuse("an IPv6 address needs brackets");
  if (host.empty())
    return refuse("has no host");
  return {std::string(host), static_cast<uint16_t>(port)};
}

} // namespace gfs
