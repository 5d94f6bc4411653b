// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/NetworkProfile.h"

#include "runtime/base/Error.h"

#include <charconv>
#include <cmath>

namespace gfs {

static constexpr double bytesPerMbit = 1e6 / 8;
/// Links between planets are not what this is for.
static constexpr double longestRoundTripMs = 60000;

std::string NetworkProfile::text() const {
  std::string speed = bytesPerSecond > 0 ? fmt::format("{:g} Mbit/s", bytesPerSecond / bytesPerMbit)
                                         : "unlimited rate";
  return fmt::format("{}: {:g} ms round trip, {}", name, roundTripSeconds * 1e3, speed);
}

NetworkProfile parseNetworkProfile(std::string_view text, std::string_view flag) {
  if (text == "loopback")
    return {};
  if (text == "lan")
    return {"lan", 0.2e-3, 1000 * bytesPerMbit};
  if (text == "wan")
    return {"wan", 40e-3, 100 * bytesPerMbit};

  auto refuse = [&]() -> Error {
    return Error(ExitCode::Usage, fmt::format("{}: '{}' is no network", flag, text),
                 "use lan, wan, loopback or, for example, rtt=20,bw=100 (milliseconds, Mbit/s)");
  };
  NetworkProfile profile{std::string(text), 0, 0};
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    size_t equal = part.find('=');
    if (equal == std::string_view::npos)
      throw refuse();
    std::string_view key = part.substr(0, equal), number = part.substr(equal + 1);
    double value = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || end != number.data() + number.size() || !std::isfinite(value))
      throw refuse();
    if (key == "rtt" && value >= 0 && value <= longestRoundTripMs)
      profile.roundTripSeconds = value * 1e-3;
    else if (key == "bw" && value > 0)
      profile.bytesPerSecond = value * bytesPerMbit;
    else
      throw refuse();
  }
  if (text.empty())
    throw refuse();
  return profile;
}

} // namespace gfs
