// SPDX-License-Identifier: Apache-2.0
// What a link between the two servers is like: what costs are predicted for, and what a throttled
// channel imitates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gfs {

struct NetworkProfile {
  std::string name = "loopback";
  double roundTripSeconds = 0;
  double bytesPerSecond = 0; ///< Each way; 0: unlimited.

  double oneWaySeconds() const { return roundTripSeconds / 2; }
  /// Time in which a message of `bytes` leaves the sender.
  double sendSeconds(uint64_t bytes) const {
    return bytesPerSecond > 0 ? static_cast<double>(bytes) / bytesPerSecond : 0;
  }
  /// "wan: 40 ms round trip, 100 Mbit/s"
  std::string text() const;
};

/// "loopback": no delay, no limit; "lan": 0.2 ms round trip, 1000 Mbit/s; "wan": 40 ms, 100 Mbit/s;
/// or "rtt=MS,bw=MBIT" (either alone is fine). Throws Usage that names `flag`.
NetworkProfile parseNetworkProfile(std::string_view text, std::string_view flag);

} // namespace gfs
