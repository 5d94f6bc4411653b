// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/StreamConnection.h"

#include "runtime/net/PeerReport.h"
#include "runtime/net/TlsError.h"

#include <asio/connect.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace gfs {

template <class Stream>
StreamConnection<Stream>::StreamConnection(std::shared_ptr<const Security> security)
    : security(std::move(security)), loop(*this->security, text), frames(loop),
      parts(loop, frames, spin) {}

template <class Stream> void StreamConnection<Stream>::requireOpen() {
  parts.abandon(); // what was sent of it is no frame: nothing can follow
  if (const std::optional<Error> reason = loop.takeDismissal()) {
    closeWith(*reason);
    throw loop.interruption();
  }
  loop.requireOpen();
}

// --- Frames ---

template <class Stream>
void StreamConnection<Stream>::send(FrameType type, std::span<const uint8_t> payload,
                                    Milliseconds timeout) {
  requireOpen();
  FrameCall call(timeout);
  frames.startSend(call, type, payload);
  const bool inTime = loop.run(call);
  if (inTime && call.writeFailure && socket().is_open()) {
    // The connection broke under our write: an error frame that came before may say why.
    FrameCall explanation(Milliseconds(500));
    frames.startReceive(explanation, [&](const FrameHeader &) -> std::span<uint8_t> {
      std::rethrow_exception(call.writeFailure);
    });
    loop.finish(explanation, "sending");
  }
  loop.conclude(call, inTime, "sending");
}

template <class Stream>
Frame StreamConnection<Stream>::receive(uint64_t maxBytes, Milliseconds timeout) {
  requireOpen();
  FrameCall call(timeout);
  Frame frame;
  frames.startReceive(call, [&](const FrameHeader &header) -> std::span<uint8_t> {
    if (header.type != FrameType::Hello && header.type != FrameType::Control &&
        header.type != FrameType::Data)
      throw loop.error("it does not speak the GFS protocol", "is this another service's port?");
    if (header.length > maxBytes)
      throw loop.error(fmt::format("a message of {} bytes where at most {} are allowed",
                                   header.length, maxBytes));
    frame.type = header.type;
    frame.payload.resize(header.length);
    return frame.payload;
  });
  loop.finish(call, "receiving");
  return frame;
}

template <class Stream>
void StreamConnection<Stream>::receiveData(std::span<uint8_t> payload, Milliseconds timeout) {
  requireOpen();
  FrameCall call(timeout);
  frames.startReceive(
      call, [&](const FrameHeader &header) { return frames.expectData(header, payload); });
  loop.finish(call, "receiving data");
}

template <class Stream>
void StreamConnection<Stream>::exchange(std::span<const uint8_t> outgoing,
                                        std::span<uint8_t> incoming, Milliseconds timeout) {
  begin(outgoing, incoming, timeout);
  push(outgoing.size());
  finish();
}

template <class Stream>
void StreamConnection<Stream>::begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming,
                                     Milliseconds timeout) {
  requireOpen();
  parts.begin(outgoing, incoming, timeout);
}

template <class Stream> void StreamConnection<Stream>::closeWith(const Error &error) noexcept {
  try {
    send(FrameType::Error, encodeError(error), Milliseconds(1000));
    loop.closeGently();
  } catch (...) {
    loop.close();
  }
}

// --- Getting connected ---

template <class Stream>
void StreamConnection<Stream>::open(const Endpoint &server, const PeerRule &expected,
                                    Milliseconds timeout) {
  text = expected.text() + " at " + server.text();
  Call call(timeout);
  const char *step = "resolve";
  std::error_code failure;
  asio::ip::tcp::resolver resolver(loop.context());
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
  bool inTime = loop.run(call);
  if (loop.wasInterrupted())
    throw loop.interruption();
  if (!inTime || failure) {
    loop.close();
    throw loop.error(fmt::format("{}: {}", step, inTime ? failure.message() : "no answer in time"),
                     "check the address, that the server runs, and the firewall");
  }
}

template <class Stream>
void StreamConnection<Stream>::tlsHandshake(Side side, Milliseconds timeout) {
  if constexpr (isTls) {
    Call call(timeout);
    ++call.pending;
    loop.stream().async_handshake(side == Side::Server, [&](const std::error_code &code) {
      --call.pending;
      if (code)
        call.readFailure = std::make_exception_ptr(tlsFailure(code, loop.ssl(), peerText()));
    });
    const bool inTime = loop.run(call);
    if (inTime && call.readFailure)
      loop.closeGently(); // delivers our alert
    loop.conclude(call, inTime, "doing the TLS handshake");
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
    throw loop.error("it does not speak the GFS protocol", "is this another service's port?");
  if (!hello.starts_with(helloMagic))
    throw loop.error("it speaks another version of the GFS protocol",
                     "install the same version at both ends");
  return printable(std::string_view(hello).substr(helloMagic.size()));
}

template <class Stream>
std::string StreamConnection<Stream>::swapHellos(Side side, const PeerRule &expected,
                                                 Milliseconds timeout) {
  std::string proven;
  if constexpr (isTls) {
    Identity identity = verifiedIdentity(loop.ssl(), expected, peerText());
    proven = identity.role;
    fingerprint = identity.fingerprint;
    certificateEnd = identity.notAfter;
  }
  if (side == Side::Client)
    sendHello(timeout);
  std::string claimed = receiveHello(timeout);
  if (isTls ? claimed != proven : !expected.allows(claimed))
    throw Error(
        ExitCode::Authentication,
        fmt::format("{}: it says it is \"{}\", expected {}", peerText(), claimed, expected.text()),
        "check the addresses and the roles of both ends");
  if (side == Side::Server)
    sendHello(timeout);
  return claimed;
}

static bool isLoopback(const asio::ip::address &address) {
  return address.is_v6() && address.to_v6().is_v4_mapped()
             ? asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback()
             : address.is_loopback();
}

/// Where the system paces what it sends to find a link's rate (BBR does), there is none to find
/// within a machine: ResNet-50 took a tenth longer. Reno paces nothing and is open to all users.
static void sendAtOnce(asio::ip::tcp::socket &socket) {
  static constexpr std::string_view reno = "reno";
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_CONGESTION, reno.data(), reno.size());
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
  const asio::ip::tcp::endpoint peer = socket().remote_endpoint(ignored);
  if (!ignored && isLoopback(peer.address()))
    sendAtOnce(socket());
  tlsHandshake(side, timeout);
  try {
    role = swapHellos(side, expected, timeout);
  } catch (const Error &error) {
    if (error.code() == ExitCode::Authentication)
      closeWith(Error(ExitCode::Authentication,
                      fmt::format("connection refused: this end accepts {} only", expected.text()),
                      "check the addresses, and which certificate each end was given"));
    throw;
  }
  text = role + " at " + address;
  loop.greeted();
}

template class StreamConnection<PlainStream>;
template class StreamConnection<TlsStream>;

} // namespace gfs
