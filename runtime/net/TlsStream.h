// SPDX-License-Identifier: Apache-2.0
// TLS over a socket, for asio::async_read and async_write. Internal to this folder.
//
// asio::ssl::stream moves one record of 16 KB for each system call, and turns the event loop once
// for each. Messages of secure inference have megabytes: here records are made and opened in
// OpenSSL as long as a buffer of 128 KB has room, and the socket moves what is in the buffer.
// Records are the same.
#pragma once

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <openssl/ssl.h>
#include <vector>

namespace gfs {

/// Used by one thread at a time. At most one read and one write may be under way. Errors are those
/// of asio::ssl: codes of the socket or of OpenSSL, `eof` after the peer's close_notify,
/// `stream_truncated` where there was none.
class TlsStream {
public:
  using executor_type = asio::ip::tcp::socket::executor_type;
  using Handler = std::function<void(const std::error_code &, size_t)>;

  TlsStream(asio::io_context &loop, asio::ssl::context &context);

  asio::ip::tcp::socket &next_layer() { return socket; }
  SSL *native_handle() { return ssl.get(); }
  executor_type get_executor() { return socket.get_executor(); }

  /// Calls `handler` once both ends have proved who they are, or have failed to; what OpenSSL wants
  /// to tell the peer is sent before.
  void async_handshake(bool asServer, std::function<void(const std::error_code &)> handler);

  /// As much as there is, at least one byte.
  template <class Buffers, class Callback>
  void async_read_some(const Buffers &buffers, Callback &&callback) {
    asio::mutable_buffer target;
    for (auto i = asio::buffer_sequence_begin(buffers); i != asio::buffer_sequence_end(buffers);
         ++i)
      if (target.size() == 0)
        target = *i;
    read(target, std::forward<Callback>(callback));
  }

  /// As much as the buffer has room for, at least one byte; done once the socket has taken it.
  template <class Buffers, class Callback>
  void async_write_some(const Buffers &buffers, Callback &&callback) {
    std::vector<asio::const_buffer> pieces(asio::buffer_sequence_begin(buffers),
                                           asio::buffer_sequence_end(buffers));
    write(pieces, std::forward<Callback>(callback));
  }

private:
  void read(asio::mutable_buffer target, Handler handler);
  void write(std::vector<asio::const_buffer> pieces, Handler handler);
  /// Waits for bytes of the peer, then calls `next`.
  void fetch(std::function<void(const std::error_code &)> next);
  /// Sends what OpenSSL has made, then calls `done`.
  void flush(std::function<void(const std::error_code &)> done);
  void sendNext();
  void stepHandshake(std::function<void(const std::error_code &)> handler);
  /// The code of a call of OpenSSL that returned `result`; none if it only wants to read.
  std::error_code failure(int result);

  struct Free {
    void operator()(SSL *p) const { SSL_free(p); }
    void operator()(BIO *p) const { BIO_free(p); }
  };
  asio::ip::tcp::socket socket;
  std::unique_ptr<BIO, Free> wire; ///< Our end of the pair whose other end `ssl` owns.
  std::unique_ptr<SSL, Free> ssl;
  std::error_code readFailure; ///< Met after bytes that were handed out: for the next read.
  bool sending = false;        ///< A write to the socket is under way.
  std::vector<std::function<void(const std::error_code &)>> waiting; ///< For it.
};

} // namespace gfs
