// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/TlsStream.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <asio/ssl/error.hpp>
#include <cstring>
#include <openssl/err.h>

namespace gfs {

static constexpr size_t bufferBytes = size_t(1) << 17;
static constexpr size_t recordBytes = SSL3_RT_MAX_PLAIN_LENGTH;
/// Header, type and tag of a record, and more.
static constexpr size_t recordOverhead = 256;

TlsStream::TlsStream(asio::io_context &loop, asio::ssl::context &context)
    : socket(loop), ssl(SSL_new(context.native_handle())) {
  BIO *inner = nullptr, *outer = nullptr;
  if (!ssl || BIO_new_bio_pair(&inner, bufferBytes, &outer, bufferBytes) != 1)
    throw Error(ExitCode::Internal, "internal error: no memory for a TLS connection");
  wire.reset(outer);
  SSL_set_bio(ssl.get(), inner, inner);
}

std::error_code TlsStream::failure(int result) {
  switch (SSL_get_error(ssl.get(), result)) {
  case SSL_ERROR_WANT_READ:
  case SSL_ERROR_WANT_WRITE:
    return {};
  case SSL_ERROR_ZERO_RETURN:
    return asio::error::eof;
  case SSL_ERROR_SSL:
    return {static_cast<int>(ERR_get_error()), asio::error::get_ssl_category()};
  default:
    return asio::ssl::error::stream_truncated;
  }
}

void TlsStream::sendNext() {
  char *bytes = nullptr;
  int count = BIO_nread0(wire.get(), &bytes);
  sending = count > 0;
  if (!sending) {
    for (auto &done : std::exchange(waiting, {}))
      asio::post(get_executor(), [done = std::move(done)] { done({}); });
    return;
  }
  socket.async_write_some(asio::buffer(bytes, static_cast<size_t>(count)),
                          [this](const std::error_code &code, size_t sent) {
                            char *gone;
                            if (sent > 0)
                              BIO_nread(wire.get(), &gone, static_cast<int>(sent));
                            if (!code)
                              return sendNext();
                            sending = false;
                            for (auto &done : std::exchange(waiting, {}))
                              done(code);
                          });
}

void TlsStream::flush(std::function<void(const std::error_code &)> done) {
  waiting.push_back(std::move(done));
  if (!sending)
    sendNext();
}

void TlsStream::fetch(std::function<void(const std::error_code &)> next) {
  char *room = nullptr;
  int count = BIO_nwrite0(wire.get(), &room);
  socket.async_read_some(
      asio::buffer(room, static_cast<size_t>(std::max(count, 0))),
      [this, next = std::move(next)](const std::error_code &code, size_t received) {
        char *taken;
        if (received > 0)
          BIO_nwrite(wire.get(), &taken, static_cast<int>(received));
        // Only close_notify ends a stream: without it bytes may have been cut off.
        next(code == asio::error::eof ? std::error_code(asio::ssl::error::stream_truncated) : code);
      });
}

void TlsStream::async_handshake(bool asServer,
                                std::function<void(const std::error_code &)> handler) {
  asServer ? SSL_set_accept_state(ssl.get()) : SSL_set_connect_state(ssl.get());
  stepHandshake(std::move(handler));
}

void TlsStream::stepHandshake(std::function<void(const std::error_code &)> handler) {
  ERR_clear_error();
  int result = SSL_do_handshake(ssl.get());
  std::error_code code = result == 1 ? std::error_code() : failure(result);
  flush([this, result, code, handler = std::move(handler)](const std::error_code &unsent) {
    if (result == 1 || code || unsent)
      return handler(code ? code : unsent);
    fetch([this, handler](const std::error_code &lost) {
      lost ? handler(lost) : stepHandshake(handler);
    });
  });
}

void TlsStream::read(asio::mutable_buffer target, Handler handler) {
  ERR_clear_error();
  auto *bytes = static_cast<char *>(target.data());
  size_t filled = 0;
  std::error_code code = std::exchange(readFailure, {});
  while (filled < target.size() && !code) {
    int result = SSL_read(ssl.get(), bytes + filled,
                          static_cast<int>(std::min(target.size() - filled, bufferBytes)));
    if (result > 0) {
      filled += static_cast<size_t>(result);
      continue;
    }
    code = failure(result);
    if (!code)
      break;
  }
  // An answer to a change of keys, say.
  if (!sending && BIO_ctrl_pending(wire.get()) > 0)
    flush([](const std::error_code &) {});
  // Bytes first, then what came after them: OpenSSL does not tell a cause twice.
  if (filled > 0)
    readFailure = code;
  if (filled > 0 || code || target.size() == 0)
    return asio::post(get_executor(), [handler = std::move(handler), filled, code] {
      handler(filled > 0 ? std::error_code() : code, filled);
    });
  fetch([this, target, handler = std::move(handler)](const std::error_code &lost) {
    lost ? handler(lost, 0) : read(target, handler);
  });
}

void TlsStream::write(std::vector<asio::const_buffer> pieces, Handler handler) {
  ERR_clear_error();
  std::array<char, recordBytes> gathered;
  size_t written = 0, next = 0, most = 0;
  std::error_code code;
  BIO *inner = SSL_get_wbio(ssl.get());
  while (!code && BIO_ctrl_get_write_guarantee(inner) >= recordBytes + recordOverhead) {
    // A whole record of one piece as it lies there; small pieces together.
    const void *record = gathered.data();
    size_t count = 0;
    while (next < pieces.size() && count < recordBytes) {
      asio::const_buffer &piece = pieces[next];
      if (count == 0 && piece.size() >= recordBytes) {
        record = piece.data();
        count = recordBytes;
        piece += recordBytes;
        break;
      }
      size_t part = std::min(piece.size(), recordBytes - count);
      if (part > 0)
        std::memcpy(gathered.data() + count, piece.data(), part);
      count += part;
      most = std::max(most, count);
      piece += part;
      if (piece.size() == 0)
        ++next;
    }
    if (count == 0)
      break;
    int result = SSL_write(ssl.get(), record, static_cast<int>(count));
    if (result == static_cast<int>(count))
      written += count;
    else
      code = result > 0 ? std::error_code(asio::ssl::error::stream_truncated) : failure(result);
    if (result <= 0 && !code)
      code = asio::ssl::error::stream_truncated; // there was room for the record
  }
  OPENSSL_cleanse(gathered.data(), most);
  flush([handler = std::move(handler), written, code](const std::error_code &unsent) {
    handler(code ? code : unsent, code || unsent ? 0 : written);
  });
}

} // namespace gfs
