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
  double waitSeconds = 0; ///< Time spent waiting: in exchange(), pull() and finish().
};

/// Two ends swap messages, with sizes that mirror each other: at once by exchange(), or in parts,
/// so that both compute while messages travel. An end need not know which way the other chose; what
/// is sent is the same.
class Channel {
public:
  virtual ~Channel() = default;
  /// Sends `outgoing` while receiving exactly incoming.size() bytes. Throws Network if the peer is
  /// lost, times out or sends another size; the channel is unusable afterwards.
  virtual void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) = 0;

  /// Begins an exchange of messages that stay where they are until finish(). Errors of these four
  /// are those of exchange(); what a channel does that has no way of its own is an exchange() at
  /// the end.
  virtual void begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming);
  /// The first `bytes` of the outgoing message are final. Sends what can be sent without waiting.
  virtual void push(size_t bytes);
  /// Waits until the first `bytes` of the incoming message are there. More than what is pushed may
  /// only be waited for if the other end does not wait likewise.
  virtual void pull(size_t bytes);
  /// Waits until both messages are through; all of the outgoing one must have been pushed.
  virtual void finish();
  /// Gives up an exchange that was begun: its messages are not touched any more, and the channel is
  /// unusable. For those who cannot go on.
  virtual void abandon() noexcept { begun = false; }

  const ChannelCounters &counters() const { return count; }

protected:
  ChannelCounters count;

private:
  std::span<const uint8_t> begunOutgoing;
  std::span<uint8_t> begunIncoming;
  size_t pushed = 0;
  bool begun = false;
};

/// Two connected ends in one process, for two threads. Destroying one end fails the other's
/// exchange().
std::pair<std::unique_ptr<Channel>, std::unique_ptr<Channel>> makeInMemoryChannel();

} // namespace gfs
