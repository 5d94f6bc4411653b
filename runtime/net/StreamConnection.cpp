// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/StreamConnection.h"

#include "runtime/net/TlsError.h"

#include <asio/connect.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/ssl/error.hpp>
#include <asio/write.hpp>

namespace gfs {

static constexpr uint64_t maxErrorBytes = 4096;

/// For asio::async_read and -write: how much to move next. Asio's own asks for 64 KB at a time.
static size_t everything(const std::error_code &code, size_t) { return code ? 0 : size_t(1) << 22; }

static Error networkError(const std::string &peer, const std::string &cause,
                          std::string hint = {}) {
  return Error(ExitCode::Network, fmt::format("{}: {}", peer, cause), std::move(hint));
}

template <class Stream> static Stream makeStream(asio::io_context &loop, const Security &security) {
  if constexpr (std::is_same_v<Stream, TlsStream>)
    return TlsStream(loop, security.sslContext());
  else
    return PlainStream(loop);
}

template <class Stream>
StreamConnection<Stream>::StreamConnection(std::shared_ptr<const Security> security)
    : security(std::move(security)), stream(makeStream<Stream>(loop, *this->security)) {}

template <class Stream> asio::ip::tcp::socket &StreamConnection<Stream>::socket() {
  if constexpr (isTls)
    return stream.next_layer();
  else
    return stream;
}

template <class Stream> SSL *StreamConnection<Stream>::ssl() {
  if constexpr (isTls)
    return stream.native_handle();
  else
    return nullptr;
}

template <class Stream> void StreamConnection<Stream>::close() noexcept {
  std::error_code ignored;
  socket().close(ignored);
}

template <class Stream> void StreamConnection<Stream>::interrupt() noexcept {
  interrupted = true;
  try {
    asio::post(loop, [this] { close(); });
  } catch (...) {
    // Out of memory: the call in progress still ends at its deadline, and later ones see the flag.
  }
}

template <class Stream> bool StreamConnection<Stream>::isOpen() const noexcept {
  return !interrupted && const_cast<StreamConnection *>(this)->socket().is_open();
}

template <class Stream> void StreamConnection<Stream>::requireOpen() {
  if (parts)
    abandon(); // what was sent of it is no frame: nothing can follow
  if (!isOpen())
    throw networkError(peerText(), interrupted ? "interrupted" : "the connection is closed");
}

template <class Stream>
Error StreamConnection<Stream>::lost(const std::error_code &code, const char *doing) {
  if (interrupted)
    return networkError(peerText(), "interrupted");
  if (isTls && code.category() == asio::error::get_ssl_category() &&
      code != asio::ssl::error::stream_truncated) {
    if (greeting)
      return tlsFailure(code, ssl(), peerText());
    return Error(ExitCode::Authentication, fmt::format("{}: TLS: {}", peerText(), code.message()),
                 "the connection was damaged or attacked; try again");
  }
  bool closed = code == asio::error::eof || code == asio::ssl::error::stream_truncated;
  return networkError(
      peerText(),
      fmt::format("connection lost {} ({})", doing, closed ? "closed by the peer" : code.message()),
      greeting && !isTls ? "is the other end a GFS server, and without TLS like this one?"
                         : "see the log of the other end");
}

// --- Frames -------------------------------------------------------------------------------------

template <class Stream>
void StreamConnection<Stream>::startSend(Call &call, FrameType type,
                                         std::span<const uint8_t> payload) {
  if (payload.size() > FrameHeader::maxLength)
    throw Error(ExitCode::Internal, "internal error: message too long for a frame");
  call.allow(payload.size());
  call.headerOut = FrameHeader{type, payload.size()}.encode();
  ++call.pending;
  std::array<asio::const_buffer, 2> buffers = {asio::buffer(call.headerOut),
                                               asio::const_buffer(payload.data(), payload.size())};
  // A failed write does not end the read: the peer may have said why before it closed.
  asio::async_write(stream, buffers, everything,
                    [this, &call](const std::error_code &code, size_t) {
                      --call.pending;
                      if (code)
                        call.writeFailure = std::make_exception_ptr(lost(code, "while sending"));
                    });
}

template <class Stream> void StreamConnection<Stream>::startReceive(Call &call, Sink sink) {
  ++call.pending;
  call.sink = std::move(sink);
  asio::async_read(
      stream, asio::buffer(call.headerIn),
      [this, &call](const std::error_code &code, size_t bytes) {
        --call.pending;
        // Record types 0x15 and 0x16 of TLS, in answer to our plaintext hello.
        bool answersTls = !isTls && greeting && bytes >= 2 &&
                          (call.headerIn[0] == 0x15 || call.headerIn[0] == 0x16) &&
                          call.headerIn[1] == 0x03;
        if (answersTls)
          return readFailed(
              call,
              std::make_exception_ptr(Error(
                  ExitCode::Authentication,
                  fmt::format("{}: it speaks TLS, this end does not", peerText()),
                  "use --cert, --cert-key and --ca here, or --insecure-plaintext at both ends")));
        if (code)
          return readFailed(call, std::make_exception_ptr(lost(code, "while receiving")));
        try {
          FrameHeader header = FrameHeader::decode(call.headerIn);
          bool isError = header.type == FrameType::Error;
          if (isError) {
            if (header.length > maxErrorBytes || header.length == 0)
              throw networkError(peerText(), "malformed error frame");
            call.errorText.resize(header.length);
          }
          std::span<uint8_t> payload =
              isError ? std::span<uint8_t>(call.errorText) : call.sink(header);
          call.allow(payload.size());
          if (!payload.empty())
            receivePayload(call, payload, isError);
        } catch (...) {
          readFailed(call, std::current_exception());
        }
      });
}

std::string printable(std::string_view text) {
  std::string shown(text);
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return shown;
}

ExitCode reportedCode(uint32_t code) {
  bool known = (code >= 1 && code <= 8) || (code >= 10 && code <= 15) || code == 20 || code == 70;
  return known ? static_cast<ExitCode>(code) : ExitCode::Failure;
}

/// An error frame: exit code, message, newline, hint.
static Error reportedError(const std::string &peer, std::span<const uint8_t> payload) {
  std::string_view text(reinterpret_cast<const char *>(payload.data()) + 1, payload.size() - 1);
  std::string_view message = text.substr(0, text.find('\n'));
  std::string_view hint = text.substr(std::min(text.size(), message.size() + 1));
  return Error(reportedCode(payload[0]), fmt::format("{} reports: {}", peer, printable(message)),
               printable(hint));
}

template <class Stream>
void StreamConnection<Stream>::receivePayload(Call &call, std::span<uint8_t> payload,
                                              bool isError) {
  ++call.pending;
  asio::async_read(
      stream, asio::mutable_buffer(payload.data(), payload.size()), everything,
      [this, &call, isError](const std::error_code &code, size_t) {
        --call.pending;
        if (code)
          readFailed(call, std::make_exception_ptr(lost(code, "while receiving")));
        else if (isError)
          readFailed(call, std::make_exception_ptr(reportedError(peerText(), call.errorText)));
      });
}

template <class Stream>
void StreamConnection<Stream>::readFailed(Call &call, std::exception_ptr cause) {
  call.readFailure = std::move(cause);
  close(); // ends a write in flight
}

template <class Stream> bool StreamConnection<Stream>::run(Call &call) {
  loop.restart();
  while (call.pending > 0 && loop.run_one_until(call.deadline) > 0) {
  }
  if (call.pending == 0)
    return true;
  giveUp(call);
  return false;
}

template <class Stream> void StreamConnection<Stream>::giveUp(Call &call) {
  close(); // what is in flight refers to `call`: let it end
  loop.restart();
  while (call.pending > 0 && loop.run_one() > 0) {
  }
}

template <class Stream> void StreamConnection<Stream>::finish(Call &call, const char *doing) {
  conclude(call, run(call), doing);
}

template <class Stream>
void StreamConnection<Stream>::conclude(Call &call, bool inTime, const char *doing) {
  if (inTime && !call.readFailure && !call.writeFailure)
    return;
  close();
  if (interrupted)
    throw networkError(peerText(), "interrupted");
  if (!inTime)
    throw networkError(peerText(), fmt::format("no answer in time while {}", doing),
                       "see the log of the other end; --timeout-ms sets how long to wait");
  std::rethrow_exception(call.readFailure ? call.readFailure : call.writeFailure);
}

template <class Stream>
void StreamConnection<Stream>::send(FrameType type, std::span<const uint8_t> payload,
                                    Milliseconds timeout) {
  requireOpen();
  Call call(timeout);
  startSend(call, type, payload);
  bool inTime = run(call);
  if (inTime && call.writeFailure && socket().is_open()) {
    // The connection broke under our write: an error frame that came before may say why.
    Call explanation(Milliseconds(500));
    startReceive(explanation, [&](const FrameHeader &) -> std::span<uint8_t> {
      std::rethrow_exception(call.writeFailure);
    });
    finish(explanation, "sending");
  }
  conclude(call, inTime, "sending");
}

template <class Stream>
Frame StreamConnection<Stream>::receive(uint64_t maxBytes, Milliseconds timeout) {
  requireOpen();
  Call call(timeout);
  Frame frame;
  startReceive(call, [&](const FrameHeader &header) -> std::span<uint8_t> {
    if (header.type != FrameType::Hello && header.type != FrameType::Control &&
        header.type != FrameType::Data)
      throw networkError(peerText(), "it does not speak the GFS protocol",
                         "is this another service's port?");
    if (header.length > maxBytes)
      throw networkError(peerText(),
                         fmt::format("a message of {} bytes where at most {} are allowed",
                                     header.length, maxBytes));
    frame.type = header.type;
    frame.payload.resize(header.length);
    return frame.payload;
  });
  finish(call, "receiving");
  return frame;
}

template <class Stream>
std::span<uint8_t> StreamConnection<Stream>::expectData(const FrameHeader &header,
                                                        std::span<uint8_t> payload) {
  if (header.type != FrameType::Data)
    throw networkError(peerText(), fmt::format("frame of type {} where data is due",
                                               static_cast<int>(header.type)));
  if (header.length != payload.size())
    throw networkError(
        peerText(),
        fmt::format("expects {} bytes, the peer sends {}", payload.size(), header.length),
        "do both ends run the same version and plan?");
  return payload;
}

template <class Stream>
void StreamConnection<Stream>::receiveData(std::span<uint8_t> payload, Milliseconds timeout) {
  requireOpen();
  Call call(timeout);
  startReceive(call, [&](const FrameHeader &header) { return expectData(header, payload); });
  finish(call, "receiving data");
}

template <class Stream>
void StreamConnection<Stream>::exchange(std::span<const uint8_t> outgoing,
                                        std::span<uint8_t> incoming, Milliseconds timeout) {
  begin(outgoing, incoming, timeout);
  push(outgoing.size());
  finish();
}

// --- Exchanges in parts -------------------------------------------------------------------------

template <class Stream>
void StreamConnection<Stream>::begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming,
                                     Milliseconds timeout) {
  requireOpen();
  parts = std::make_unique<Parts>(outgoing, incoming, timeout);
  parts->headerOut = FrameHeader{FrameType::Data, outgoing.size()}.encode();
  startReceive(*parts, [this](const FrameHeader &header) {
    expectData(header, parts->incoming);
    receivePart();
    return std::span<uint8_t>(); // the payload is received part by part
  });
  sendPart();
}

template <class Stream> void StreamConnection<Stream>::sendPart() {
  const size_t bytes = parts->final - parts->sent;
  if (parts->sending || parts->writeFailure || (parts->headerSent && bytes == 0))
    return;
  std::vector<asio::const_buffer> buffers;
  if (!parts->headerSent)
    buffers.push_back(asio::buffer(parts->headerOut));
  if (bytes > 0)
    buffers.emplace_back(parts->outgoing.data() + parts->sent, bytes);
  ++parts->pending;
  parts->sending = parts->headerSent = true;
  asio::async_write(stream, buffers, everything,
                    [this, bytes](const std::error_code &code, size_t) {
                      --parts->pending;
                      parts->sending = false;
                      parts->sent += bytes;
                      if (code)
                        parts->writeFailure = std::make_exception_ptr(lost(code, "while sending"));
                      else
                        sendPart();
                    });
}

template <class Stream> void StreamConnection<Stream>::receivePart() {
  const size_t left = parts->incoming.size() - parts->received;
  if (left == 0)
    return;
  ++parts->pending;
  stream.async_read_some(asio::mutable_buffer(parts->incoming.data() + parts->received, left),
                         [this](const std::error_code &code, size_t bytes) {
                           --parts->pending;
                           parts->received += bytes;
                           if (code)
                             readFailed(*parts,
                                        std::make_exception_ptr(lost(code, "while receiving")));
                           else
                             receivePart();
                         });
}

template <class Stream> void StreamConnection<Stream>::push(size_t bytes) {
  parts->final = bytes;
  sendPart();
  loop.restart();
  loop.poll(); // failures are for those who wait
}

template <class Stream>
void StreamConnection<Stream>::waitFor(const std::function<bool()> &arrived) {
  parts->allowAnotherWait();
  auto over = [&] { return arrived() || parts->readFailure || parts->pending == 0; };
  loop.restart();
  loop.poll();
  if (!over())
    spinUntil(spin, [&] {
      loop.poll();
      return over();
    });
  bool inTime = true;
  while (!over() && inTime)
    inTime = loop.run_one_until(parts->deadline) > 0;
  if (arrived() && !parts->readFailure)
    return;
  giveUp(*parts);
  const std::unique_ptr<Parts> failed = std::move(parts);
  conclude(*failed, inTime, "exchanging data");
}

template <class Stream> void StreamConnection<Stream>::pull(size_t bytes) {
  waitFor([&] { return parts->received >= bytes; });
}

template <class Stream> void StreamConnection<Stream>::finish() {
  waitFor([&] { return parts->pending == 0 && !parts->writeFailure; });
  parts.reset();
}

template <class Stream> void StreamConnection<Stream>::abandon() noexcept {
  if (!parts)
    return;
  try {
    giveUp(*parts);
  } catch (...) {
    // A handler could not allocate; the socket is closed, nothing is read or written any more.
  }
  parts.reset();
}

template <class Stream> void StreamConnection<Stream>::closeWith(const Error &error) noexcept {
  try {
    std::string text = fmt::format("{}{}{}{}", static_cast<char>(error.code()), error.what(),
                                   error.hint().empty() ? "" : "\n", error.hint());
    text.resize(std::min<size_t>(text.size(), maxErrorBytes));
    send(FrameType::Error, {reinterpret_cast<const uint8_t *>(text.data()), text.size()},
         Milliseconds(1000));
    closeGently();
  } catch (...) {
    close();
  }
}

template <class Stream> void StreamConnection<Stream>::closeGently() noexcept {
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

// --- Getting connected --------------------------------------------------------------------------

template <class Stream>
void StreamConnection<Stream>::open(const Endpoint &server, const PeerRule &expected,
                                    Milliseconds timeout) {
  text = expected.text() + " at " + server.text();
  Call call(timeout);
  const char *step = "resolve";
  std::error_code failure;
  asio::ip::tcp::resolver resolver(loop);
  auto connected = [&](const std::error_code &code, const asio::ip::tcp::endpoint &) {
    --call.pending;
    failure = code;
  };
  auto resolved = [&](const std::error_code &code,
                      const asio::ip::tcp::resolver::results_type &results) {
    --call.pending;
    failure = code;
    if (code)
      return;
    step = "connect";
    ++call.pending;
    asio::async_connect(socket(), results, connected);
  };
  ++call.pending;
  resolver.async_resolve(server.host, std::to_string(server.port), resolved);
  bool inTime = run(call);
  if (interrupted)
    throw networkError(peerText(), "interrupted");
  if (!inTime || failure) {
    close();
    throw networkError(
        peerText(), fmt::format("{}: {}", step, inTime ? failure.message() : "no answer in time"),
        "check the address, that the server runs, and the firewall");
  }
}

template <class Stream>
void StreamConnection<Stream>::tlsHandshake(Side side, Milliseconds timeout) {
  if constexpr (isTls) {
    Call call(timeout);
    ++call.pending;
    stream.async_handshake(side == Side::Server, [&](const std::error_code &code) {
      --call.pending;
      if (code)
        call.readFailure = std::make_exception_ptr(tlsFailure(code, ssl(), peerText()));
    });
    if (run(call) && call.readFailure)
      closeGently(); // delivers our alert
    finish(call, "doing the TLS handshake");
  }
}

/// Hello: this text, then the role.
static constexpr std::string_view helloMagic = "GFSNET01";
static constexpr uint64_t maxRoleBytes = 64;

template <class Stream> void StreamConnection<Stream>::sendHello(Milliseconds timeout) {
  std::string hello = std::string(helloMagic) + security->ownRole();
  send(FrameType::Hello, {reinterpret_cast<const uint8_t *>(hello.data()), hello.size()}, timeout);
}

template <class Stream> std::string StreamConnection<Stream>::receiveHello(Milliseconds timeout) {
  Frame frame = receive(helloMagic.size() + maxRoleBytes, timeout);
  std::string hello(frame.payload.begin(), frame.payload.end());
  if (frame.type != FrameType::Hello || !hello.starts_with(helloMagic.substr(0, 6)))
    throw networkError(peerText(), "it does not speak the GFS protocol",
                       "is this another service's port?");
  if (!hello.starts_with(helloMagic))
    throw networkError(peerText(), "it speaks another version of the GFS protocol",
                       "install the same version at both ends");
  return printable(std::string_view(hello).substr(helloMagic.size()));
}

template <class Stream>
void StreamConnection<Stream>::authenticate(Side side, const std::string &address,
                                            const PeerRule &expected, Milliseconds timeout) {
  text = side == Side::Client ? expected.text() + " at " + address : address;
  requireOpen();
  std::error_code ignored;
  socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  socket().set_option(asio::socket_base::keep_alive(true), ignored);
  // Buffer sizes stay the kernel's: fixing them would turn off its tuning, which goes far beyond
  // what we may ask for.
  tlsHandshake(side, timeout);
  try {
    std::string proven;
    if constexpr (isTls) {
      Identity identity = verifiedIdentity(ssl(), expected, peerText());
      proven = identity.role;
      fingerprint = identity.fingerprint;
      certificateEnd = identity.notAfter;
    }
    if (side == Side::Client)
      sendHello(timeout);
    std::string claimed = receiveHello(timeout);
    if (isTls ? claimed != proven : !expected.allows(claimed))
      throw Error(ExitCode::Authentication,
                  fmt::format("{}: it says it is \"{}\", expected {}", peerText(), claimed,
                              expected.text()),
                  "check the addresses and the roles of both ends");
    if (side == Side::Server)
      sendHello(timeout);
    role = claimed;
    text = role + " at " + address;
  } catch (const Error &error) {
    if (error.code() == ExitCode::Authentication)
      closeWith(Error(ExitCode::Authentication,
                      fmt::format("connection refused: this end accepts {} only", expected.text()),
                      "check the addresses, and which certificate each end was given"));
    throw;
  }
  greeting = false;
}

template class StreamConnection<PlainStream>;
template class StreamConnection<TlsStream>;

} // namespace gfs
