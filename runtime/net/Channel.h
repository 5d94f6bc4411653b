// SPDX-License-Identifier: Apache-2.0
// The link between the two servers as the executor sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace gfs {

/// Bytes and exchanges counted by a channel since it was made. Framing headers included, TLS
/// records not.
struct ChannelCounters {
  uint64_t exchanges = 0;
  uint64_t payloadSent = 0; ///< Message bytes without framing: what a plan's cost predicts.
  uint64_t payloadReceived = 0;
  uint64_t wireSent = 0; ///< With frame headers.
  uint64_t wireReceived = 0;
  double waitSeconds = 0; ///< Time spent in exchange().
};

/// Two ends swap messages. Both ends call exchange() with sizes that mirror each other.
class Channel {
public:
  virtual ~Channel() = default;
  /// Sends `outgoing` while receiving exactly incoming.size() bytes. Throws Network if the peer is
  /// lost, times out or sends another size; the channel is unusable afterwards.
  virtual void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) = 0;
  const ChannelCounters &counters() const { return count; }

protected:
  ChannelCounters count;
};

/// Two connected ends in one process, for two threads. Destroying one end fails the other's
/// exchange().
std::pair<std::unique_ptr<Channel>, std::unique_ptr<Channel>> makeInMemoryChannel();

} // namespace gfs
