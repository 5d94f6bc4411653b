// SPDX-License-Identifier: Apache-2.0
// A socket, plain or TLS, and how calls wait for it. Internal to this folder.
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
#include <mutex>
#include <optional>
#include <thread>

namespace gfs {

using Clock = std::chrono::steady_clock;
using PlainStream = asio::ip::tcp::socket;

/// For asio::async_read and -write: how much to move next. Asio's own asks for 64 KB at a time.
inline size_t everything(const std::error_code &code, size_t) { return code ? 0 : size_t(1) << 22; }

/// One call: how many of its reads and writes are in flight, and what went wrong. Handlers refer to
/// it, so it must not go while any is pending.
struct Call {
  explicit Call(Milliseconds timeout) : deadline(Clock::now() + timeout) {}
  /// Payload takes its own time: 1 s per MiB.
  void allow(uint64_t bytes) { deadline += Milliseconds(bytes * 1000 >> 20); }

  Clock::time_point deadline;
  unsigned pending = 0;
  std::exception_ptr readFailure, writeFailure;
};

/// Used by one thread at a time, except interrupt(), dismiss() and isOpen().
template <class Stream> class StreamLoop {
public:
  static constexpr bool isTls = std::is_same_v<Stream, TlsStream>;

  /// An unconnected socket. `peer` is for messages, and may change.
  StreamLoop(const Security &security, const std::string &peer);

  asio::io_context &context() { return loop; }
  Stream &stream() { return link; }
  asio::ip::tcp::socket &socket();
  SSL *ssl(); ///< Null if plain.

  // --- Waiting ---

  /// Runs handlers until nothing is pending. False if it got too late: then it closed.
  bool run(Call &call);
  /// Runs handlers until `over`, at first without sleeping for as long as `spin` allows. False if
  /// it got too late.
  template <class Over> bool runUntil(Call &call, Spin &spin, Over &&over);
  /// Runs handlers that need no waiting.
  void poll();
  /// Closes and throws if the call failed or was not `inTime`: what the peer reported, or what
  /// happened while `doing`.
  void conclude(Call &call, bool inTime, const char *doing);
  void finish(Call &call, const char *doing) { conclude(call, run(call), doing); }
  /// Ends what is in flight by closing.
  void giveUp(Call &call);

  // --- Failing ---

  const std::string &peerText() const { return peer; }
  /// A Network error that names the peer.
  Error error(const std::string &cause, std::string hint = {}) const;
  /// What a failed operation means.
  Error lost(const std::error_code &code, const char *doing);
  /// Notes why a read failed, and ends a write in flight. A failed write does not end the read: the
  /// peer may have said why before it closed.
  void readFailed(Call &call, std::exception_ptr cause);
  /// Until the peer has said hello, a lost connection may be a TLS alert or a stranger.
  bool greeting() const { return strange; }
  void greeted() { strange = false; }

  // --- Closing ---

  void close() noexcept;
  /// close() that lets the peer read what we sent last: closing with unread data would reset the
  /// connection.
  void closeGently() noexcept;
  /// Closes, from any thread.
  void interrupt() noexcept;
  /// Lets the call in progress fail, or else leaves `reason` to takeDismissal(); from any thread.
  void dismiss(const Error &reason) noexcept;
  /// Why to say farewell: once, and only between calls.
  std::optional<Error> takeDismissal() noexcept;
  /// The error of whoever was interrupted or dismissed.
  Error interruption() const;
  bool wasInterrupted() const { return interrupted; }
  bool isOpen() const noexcept;
  void requireOpen();

private:
  const std::string &peer;
  asio::io_context loop{1};
  Stream link;
  std::atomic<bool> interrupted = false, dismissed = false;
  bool strange = true;
  mutable std::mutex mutex; ///< Guards what follows.
  std::optional<Error> dismissal;
};

template <class Stream>
template <class Over>
bool StreamLoop<Stream>::runUntil(Call &call, Spin &spin, Over &&over) {
  poll();
  if (!over())
    spinUntil(spin, [&] {
      std::this_thread::yield(); // this process's helpers, and a peer on the same machine
      loop.poll();
      return over();
    });
  while (!over())
    if (loop.run_one_until(call.deadline) == 0)
      return false;
  return true;
}

extern template class StreamLoop<PlainStream>;
extern template class StreamLoop<TlsStream>;

} // namespace gfs
