// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/FrameStream.h"

#include "runtime/net/PeerReport.h"

#include <asio/read.hpp>
#include <asio/write.hpp>

namespace gfs {

template <class Stream>
void FrameStream<Stream>::startSend(FrameCall &call, FrameType type,
                                    std::span<const uint8_t> payload) {
  if (payload.size() > FrameHeader::maxLength)
    throw Error(ExitCode::Internal, "internal error: message too long for a frame");
  call.allow(payload.size());
  call.headerOut = FrameHeader{type, payload.size()}.encode();
  ++call.pending;
  std::array<asio::const_buffer, 2> buffers = {asio::buffer(call.headerOut),
                                               asio::const_buffer(payload.data(), payload.size())};
  asio::async_write(
      loop.stream(), buffers, everything, [this, &call](const std::error_code &code, size_t) {
        --call.pending;
        if (code)
          call.writeFailure = std::make_exception_ptr(loop.lost(code, "while sending"));
      });
}

template <class Stream>
void FrameStream<Stream>::startReceive(FrameCall &call, FrameCall::Sink sink) {
  ++call.pending;
  call.sink = std::move(sink);
  asio::async_read(
      loop.stream(), asio::buffer(call.headerIn),
      [this, &call](const std::error_code &code, size_t bytes) {
        --call.pending;
        try {
          if (answersTls(call.headerIn, bytes))
            throw Error(
                ExitCode::Authentication,
                fmt::format("{}: it speaks TLS, this end does not", loop.peerText()),
                "use --cert, --cert-key and --ca here, or --insecure-plaintext at both ends");
          if (code)
            throw loop.lost(code, "while receiving");
          receiveBehind(call, FrameHeader::decode(call.headerIn));
        } catch (...) {
          loop.readFailed(call, std::current_exception());
        }
      });
}

template <class Stream>
bool FrameStream<Stream>::answersTls(const FrameHeader::Bytes &header, size_t bytes) const {
  return !loop.isTls && loop.greeting() && bytes >= 2 && (header[0] == 0x15 || header[0] == 0x16) &&
         header[1] == 0x03;
}

template <class Stream>
void FrameStream<Stream>::receiveBehind(FrameCall &call, const FrameHeader &header) {
  const bool isError = header.type == FrameType::Error;
  if (isError) {
    if (header.length > maxErrorBytes || header.length == 0)
      throw loop.error("malformed error frame");
    call.errorText.resize(header.length);
  }
  const std::span<uint8_t> payload =
      isError ? std::span<uint8_t>(call.errorText) : call.sink(header);
  call.allow(payload.size());
  if (payload.empty())
    return;
  ++call.pending;
  asio::async_read(
      loop.stream(), asio::mutable_buffer(payload.data(), payload.size()), everything,
      [this, &call, isError](const std::error_code &code, size_t) {
        --call.pending;
        if (code)
          loop.readFailed(call, std::make_exception_ptr(loop.lost(code, "while receiving")));
        else if (isError)
          loop.readFailed(call,
                          std::make_exception_ptr(decodeError(loop.peerText(), call.errorText)));
      });
}

template <class Stream>
std::span<uint8_t> FrameStream<Stream>::expectData(const FrameHeader &header,
                                                   std::span<uint8_t> payload) const {
  if (header.type != FrameType::Data)
    throw loop.error(
        fmt::format("frame of type {} where data is due", static_cast<int>(header.type)));
  if (header.length != payload.size())
    throw loop.error(
        fmt::format("expects {} bytes, the peer sends {}", payload.size(), header.length),
        "do both ends run the same version and plan?");
  return payload;
}

template class FrameStream<PlainStream>;
template class FrameStream<TlsStream>;

} // namespace gfs
