// SPDX-License-Identifier: Apache-2.0
// One authenticated connection that carries frames, and how to make one: connect() on one side,
// Listener on the other.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/net/Channel.h"
#include "runtime/net/Endpoint.h"
#include "runtime/net/Frame.h"
#include "runtime/net/Security.h"
#include "runtime/net/Spin.h"

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

namespace gfs {

using Milliseconds = std::chrono::milliseconds;

/// Used by one thread at a time, except interrupt() and dismiss(). Every call throws Network when
/// the peer is lost, too slow or sends what is not expected, and the code the peer reported when it
/// sent an error frame; after a throw the connection is closed.
///
/// A timeout is the time without the payload: 1 s per MiB is added, so that large messages may take
/// longer.
class Connection {
public:
  virtual ~Connection() = default;

  virtual void send(FrameType type, std::span<const uint8_t> payload, Milliseconds timeout) = 0;
  /// The next frame, of any type but Error, of at most `maxBytes`.
  virtual Frame receive(uint64_t maxBytes, Milliseconds timeout) = 0;
  /// A Data frame of exactly `payload.size()` bytes.
  virtual void receiveData(std::span<uint8_t> payload, Milliseconds timeout) = 0;
  /// Sends and receives a Data frame at the same time; cannot deadlock whatever the sizes.
  virtual void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming,
                        Milliseconds timeout) = 0;
  /// The same in parts, as Channel says. Every wait may take `timeout`. No other call but
  /// interrupt() may come between begin() and finish(); what was begun is given up by closing.
  virtual void begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming,
                     Milliseconds timeout) = 0;
  virtual void push(size_t bytes) = 0;
  virtual void pull(size_t bytes) = 0;
  virtual void finish() = 0;
  virtual void abandon() noexcept = 0;
  /// Tells the peer why and closes. Never throws: the peer may be gone already.
  virtual void closeWith(const Error &error) noexcept = 0;
  /// Ends a call in progress (and all later ones) with a Network error; from any thread.
  virtual void interrupt() noexcept = 0;
  /// The same for a reason, which errors then name. The peer hears of it from the next call, unless
  /// one is in progress.
  virtual void dismiss(const Error &reason) noexcept = 0;

  /// False once a call has failed or closeWith() was called.
  virtual bool isOpen() const noexcept = 0;

  /// How exchanges wait; at first they sleep at once. What `newSpin` refers to must outlive the
  /// connection.
  void setSpin(const Spin &newSpin) { spin = newSpin; }

  /// The role the certificate (or, in plaintext, the peer itself) states.
  const std::string &peerRole() const { return role; }
  /// "server1 at 10.0.0.2:7000", for messages.
  const std::string &peerText() const { return text; }
  /// SHA-256 of the peer's certificate; nothing in plaintext.
  const std::optional<Fingerprint> &peerFingerprint() const { return fingerprint; }
  /// When the peer's certificate expires, ISO 8601 in UTC; empty in plaintext.
  const std::string &peerCertificateEnd() const { return certificateEnd; }

protected:
  Spin spin;
  std::string role, text, certificateEnd;
  std::optional<Fingerprint> fingerprint;
};

struct ConnectOptions {
  Milliseconds attemptTimeout{5000}; ///< For each of connect, TLS handshake, hello.
  Milliseconds retryFor{
      10000}; ///< An unreachable server is tried again for this long; 0 = one attempt.
  Milliseconds retryPause{200};
  std::stop_token stop;
};

/// Connects, authenticates both ways and swaps hellos. The message names the step that failed:
/// resolve, connect, TLS handshake, certificate. Errors: Network, Authentication; whatever a
/// refusing server reports.
std::unique_ptr<Connection> connect(const Endpoint &server,
                                    std::shared_ptr<const Security> security,
                                    const PeerRule &expected, const ConnectOptions &options = {});

/// An accepted connection whose other end has not proved who it is.
class Incoming {
public:
  virtual ~Incoming() = default;
  /// Authenticates the peer and swaps hellos; to be called once, on the thread that serves it.
  /// Errors: Network, Authentication.
  virtual std::unique_ptr<Connection> handshake(const PeerRule &expected, Milliseconds timeout) = 0;
  /// Ends a handshake in progress, or the connection it made, with a Network error; from any
  /// thread, as long as either lives.
  virtual void interrupt() noexcept = 0;
  /// Remote address, for logs.
  virtual std::string address() const = 0;
};

class Listener {
public:
  virtual ~Listener() = default;
  /// Blocks until somebody connects; null after interrupt(). Throws Network when the system is out
  /// of descriptors or memory; the listener stays usable.
  virtual std::unique_ptr<Incoming> accept() = 0;
  virtual void interrupt() noexcept = 0;
  /// The bound address; its port is the real one if 0 was asked for.
  virtual Endpoint local() const = 0;
};

/// Throws Network if the address cannot be bound.
std::unique_ptr<Listener> listen(const Endpoint &at, std::shared_ptr<const Security> security);

/// The executor's view of a connection, with its own counters. `link` must outlive it.
std::unique_ptr<Channel> makeChannel(Connection &link, Milliseconds timeout);

} // namespace gfs
