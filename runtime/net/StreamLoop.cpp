// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/StreamLoop.h"

#include "runtime/net/TlsError.h"

#include <asio/post.hpp>
#include <asio/ssl/error.hpp>

namespace gfs {

template <class Stream> static Stream makeStream(asio::io_context &loop, const Security &security) {
  if constexpr (std::is_same_v<Stream, TlsStream>)
    return TlsStream(loop, security.sslContext());
  else
    return PlainStream(loop);
}

template <class Stream>
StreamLoop<Stream>::StreamLoop(const Security &security, const std::string &peer)
    : peer(peer), link(makeStream<Stream>(loop, security)) {}

template <class Stream> asio::ip::tcp::socket &StreamLoop<Stream>::socket() {
  if constexpr (isTls)
    return link.next_layer();
  else
    return link;
}

template <class Stream> SSL *StreamLoop<Stream>::ssl() {
  if constexpr (isTls)
    return link.native_handle();
  else
    return nullptr;
}

// --- Waiting ---

template <class Stream> bool StreamLoop<Stream>::run(Call &call) {
  loop.restart();
  while (call.pending > 0 && loop.run_one_until(call.deadline) > 0) {
  }
  if (call.pending == 0)
    return true;
  giveUp(call);
  return false;
}

template <class Stream> void StreamLoop<Stream>::poll() {
  loop.restart();
  loop.poll();
}

template <class Stream> void StreamLoop<Stream>::giveUp(Call &call) {
  close(); // what is in flight refers to `call`: let it end
  loop.restart();
  while (call.pending > 0 && loop.run_one() > 0) {
  }
}

template <class Stream>
void StreamLoop<Stream>::conclude(Call &call, bool inTime, const char *doing) {
  if (inTime && !call.readFailure && !call.writeFailure)
    return;
  close();
  if (interrupted)
    throw interruption();
  if (!inTime)
    throw error(fmt::format("no answer in time while {}", doing),
                "see the log of the other end; --timeout-ms sets how long to wait");
  std::rethrow_exception(call.readFailure ? call.readFailure : call.writeFailure);
}

// --- Failing ---

template <class Stream>
Error StreamLoop<Stream>::error(const std::string &cause, std::string hint) const {
  return Error(ExitCode::Network, fmt::format("{}: {}", peer, cause), std::move(hint));
}

template <class Stream>
Error StreamLoop<Stream>::lost(const std::error_code &code, const char *doing) {
  if (interrupted)
    return interruption();
  if (isTls && code.category() == asio::error::get_ssl_category() &&
      code != asio::ssl::error::stream_truncated) {
    if (strange)
      return tlsFailure(code, ssl(), peer);
    return Error(ExitCode::Authentication, fmt::format("{}: TLS: {}", peer, code.message()),
                 "the connection was damaged or attacked; try again");
  }
  const bool closed = code == asio::error::eof || code == asio::ssl::error::stream_truncated;
  return error(
      fmt::format("connection lost {} ({})", doing, closed ? "closed by the peer" : code.message()),
      strange && !isTls ? "is the other end a GFS server, and without TLS like this one?"
                        : "see the log of the other end");
}

template <class Stream> void StreamLoop<Stream>::readFailed(Call &call, std::exception_ptr cause) {
  call.readFailure = std::move(cause);
  close();
}

// --- Closing ---

template <class Stream> void StreamLoop<Stream>::close() noexcept {
  std::error_code ignored;
  socket().close(ignored);
}

template <class Stream> void StreamLoop<Stream>::closeGently() noexcept {
  try {
    std::error_code failure;
    socket().shutdown(asio::ip::tcp::socket::shutdown_send, failure);
    std::array<uint8_t, 16384> unread;
    Call call(Milliseconds(1000));
    while (!failure) {
      ++call.pending;
      socket().async_read_some(asio::buffer(unread), [&](const std::error_code &code, size_t) {
        --call.pending;
        failure = code;
      });
      run(call);
    }
  } catch (...) {
  }
  close();
}

template <class Stream> void StreamLoop<Stream>::interrupt() noexcept {
  interrupted = true;
  try {
    asio::post(loop, [this] { close(); });
  } catch (...) {
    // Out of memory: the call in progress still ends at its deadline, and later ones see the flag.
  }
}

template <class Stream> void StreamLoop<Stream>::dismiss(const Error &reason) noexcept {
  try {
    {
      std::lock_guard lock(mutex);
      dismissal = reason;
    }
    dismissed = true;
    // Runs within a call: had there been none, the next one would have taken the dismissal before.
    asio::post(loop, [this] {
      if (!takeDismissal())
        return;
      interrupted = true;
      close();
    });
  } catch (...) {
    interrupt(); // out of memory
  }
}

template <class Stream> std::optional<Error> StreamLoop<Stream>::takeDismissal() noexcept {
  if (!dismissed.exchange(false))
    return std::nullopt;
  std::lock_guard lock(mutex);
  return dismissal;
}

template <class Stream> Error StreamLoop<Stream>::interruption() const {
  std::lock_guard lock(mutex);
  return dismissal ? error(dismissal->what(), dismissal->hint()) : error("interrupted");
}

template <class Stream> bool StreamLoop<Stream>::isOpen() const noexcept {
  return !interrupted && const_cast<StreamLoop *>(this)->socket().is_open();
}

template <class Stream> void StreamLoop<Stream>::requireOpen() {
  if (!isOpen())
    throw interrupted ? interruption() : error("the connection is closed");
}

template class StreamLoop<PlainStream>;
template class StreamLoop<TlsStream>;

} // namespace gfs
