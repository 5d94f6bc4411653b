// SPDX-License-Identifier: Apache-2.0
// Connection over a plain or a TLS socket. Internal to this folder: the only header that knows
// Asio's sockets.
//
// Every connection has an event loop of its own, run only inside its calls: reads and writes of one
// call are started together and the loop runs until both ended or the deadline passed. So two ends
// that send large messages at the same time cannot block each other, and no thread is needed.
#pragma once

#include "runtime/net/Connection.h"
#include "runtime/net/TlsStream.h"

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <atomic>
#include <functional>

namespace gfs {

using Clock = std::chrono::steady_clock;
using PlainStream = asio::ip::tcp::socket;

enum class Side { Client, Server };

template <class Stream> class StreamConnection final : public Connection {
public:
  static constexpr bool isTls = std::is_same_v<Stream, TlsStream>;

  /// Unconnected; open() or an acceptor connects socket().
  explicit StreamConnection(std::shared_ptr<const Security> security);

  void send(FrameType type, std::span<const uint8_t> payload, Milliseconds timeout) override;
  Frame receive(uint64_t maxBytes, Milliseconds timeout) override;
  void receiveData(std::span<uint8_t> payload, Milliseconds timeout) override;
  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming,
                Milliseconds timeout) override;
  void begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming,
             Milliseconds timeout) override;
  void push(size_t bytes) override;
  void pull(size_t bytes) override;
  void finish() override;
  void abandon() noexcept override;
  void closeWith(const Error &error) noexcept override;
  void interrupt() noexcept override;
  bool isOpen() const noexcept override;

  asio::ip::tcp::socket &socket();
  /// Resolves and connects. Errors name the step: "resolve", "connect".
  void open(const Endpoint &server, const PeerRule &expected, Milliseconds timeout);
  /// TLS handshake, the check of the peer's role, and hellos. `address` is the peer's, for
  /// messages.
  void authenticate(Side side, const std::string &address, const PeerRule &expected,
                    Milliseconds timeout);

private:
  /// Checks a header and says where the payload goes.
  using Sink = std::function<std::span<uint8_t>(const FrameHeader &)>;

  /// One call: its reads and writes in flight and what went wrong.
  struct Call {
    Clock::time_point deadline;
    unsigned pending = 0;
    std::exception_ptr readFailure, writeFailure;
    // Buffers that operations in flight refer to.
    FrameHeader::Bytes headerOut{}, headerIn{};
    std::vector<uint8_t> errorText;
    Sink sink;

    explicit Call(Milliseconds timeout) : deadline(Clock::now() + timeout) {}
    void allow(uint64_t bytes) { deadline += Milliseconds(bytes * 1000 >> 20); }
  };

  /// An exchange in parts.
  struct Parts : Call {
    std::span<const uint8_t> outgoing;
    std::span<uint8_t> incoming;
    Milliseconds timeout;
    size_t final = 0, sent = 0, received = 0; ///< Bytes of the payloads.
    bool headerSent = false, sending = false;

    Parts(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming, Milliseconds timeout)
        : Call(timeout), outgoing(outgoing), incoming(incoming), timeout(timeout) {}
    void allowAnotherWait() {
      this->deadline = Clock::now() + timeout;
      this->allow(outgoing.size() + incoming.size());
    }
  };

  /// Sends what is final, then calls itself again.
  void sendPart();
  void receivePart();
  /// Waits until `arrived`; closes and throws if that fails or takes too long.
  void waitFor(const std::function<bool()> &arrived);
  void startSend(Call &call, FrameType type, std::span<const uint8_t> payload);
  void startReceive(Call &call, Sink sink);
  void receivePayload(Call &call, std::span<uint8_t> payload, bool isError);
  /// Ends what is in flight by closing.
  void giveUp(Call &call);
  /// Runs the loop until nothing is pending or it is too late.
  bool run(Call &call);
  /// run(), then conclude().
  void finish(Call &call, const char *doing);
  /// Closes and throws if the call failed or was late.
  void conclude(Call &call, bool inTime, const char *doing);
  void readFailed(Call &call, std::exception_ptr cause);
  Error lost(const std::error_code &code, const char *doing);
  std::span<uint8_t> expectData(const FrameHeader &header, std::span<uint8_t> payload);
  void requireOpen();

  void tlsHandshake(Side side, Milliseconds timeout);
  void sendHello(Milliseconds timeout);
  std::string receiveHello(Milliseconds timeout);

  SSL *ssl();
  void close() noexcept;
  /// close() that lets the peer read what we sent last: closing with unread data would reset the
  /// connection.
  void closeGently() noexcept;

  std::shared_ptr<const Security> security;
  asio::io_context loop{1};
  Stream stream;
  std::atomic<bool> interrupted = false;
  std::unique_ptr<Parts> parts; ///< Begun and not finished.
  bool greeting = true; ///< Until the hellos are through: a lost connection may be a TLS alert.
};

extern template class StreamConnection<PlainStream>;
extern template class StreamConnection<TlsStream>;

} // namespace gfs
