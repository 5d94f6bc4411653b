// SPDX-License-Identifier: Apache-2.0
// Connection over a plain or a TLS socket: getting connected, and the calls of Connection as
// frames. Internal to this folder. Below it: StreamLoop waits for the socket, FrameStream sends and
// receives frames, PartedExchange sends and receives one in parts.
#pragma once

#include "runtime/net/PartedExchange.h"

namespace gfs {

enum class Side { Client, Server };

template <class Stream> class StreamConnection final : public Connection {
public:
  static constexpr bool isTls = StreamLoop<Stream>::isTls;

  /// Unconnected; open() or an acceptor connects socket().
  explicit StreamConnection(std::shared_ptr<const Security> security);

  void send(FrameType type, std::span<const uint8_t> payload, Milliseconds timeout) override;
  Frame receive(uint64_t maxBytes, Milliseconds timeout) override;
  void receiveData(std::span<uint8_t> payload, Milliseconds timeout) override;
  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming,
                Milliseconds timeout) override;
  void begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming,
             Milliseconds timeout) override;
  void push(size_t bytes) override { parts.push(bytes); }
  void pull(size_t bytes) override { parts.pull(bytes); }
  void finish() override { parts.finish(); }
  void abandon() noexcept override { parts.abandon(); }
  void closeWith(const Error &error) noexcept override;
  void interrupt() noexcept override { loop.interrupt(); }
  void dismiss(const Error &reason) noexcept override { loop.dismiss(reason); }
  bool isOpen() const noexcept override { return loop.isOpen(); }

  asio::ip::tcp::socket &socket() { return loop.socket(); }
  /// Resolves and connects. Errors name the step: "resolve", "connect".
  void open(const Endpoint &server, const PeerRule &expected, Milliseconds timeout);
  /// TLS handshake, the check of the peer's role, and hellos. `address` is the peer's, for
  /// messages.
  void authenticate(Side side, const std::string &address, const PeerRule &expected,
                    Milliseconds timeout);

private:
  /// Before a call of its own.
  void requireOpen();
  void tlsHandshake(Side side, Milliseconds timeout);
  /// Returns the peer's role: as its certificate proves, or as it claims where nothing is proved.
  std::string swapHellos(Side side, const PeerRule &expected, Milliseconds timeout);
  void sendHello(Milliseconds timeout);
  std::string receiveHello(Milliseconds timeout);

  std::shared_ptr<const Security> security;
  StreamLoop<Stream> loop;
  FrameStream<Stream> frames;
  PartedExchange<Stream> parts;
};

extern template class StreamConnection<PlainStream>;
extern template class StreamConnection<TlsStream>;

} // namespace gfs
