// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/PartedExchange.h"

#include <asio/write.hpp>

namespace gfs {

template <class Stream>
void PartedExchange<Stream>::begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming,
                                   Milliseconds timeout) {
  call = std::make_unique<PartCall>(outgoing, incoming, timeout);
  call->headerOut = FrameHeader{FrameType::Data, outgoing.size()}.encode();
  frames.startReceive(*call, [this](const FrameHeader &header) {
    frames.expectData(header, call->incoming);
    receivePart();
    return std::span<uint8_t>(); // the payload is received part by part
  });
  sendPart();
}

template <class Stream> void PartedExchange<Stream>::sendPart() {
  const size_t bytes = call->final - call->sent;
  if (call->sending || call->writeFailure || (call->headerSent && bytes == 0))
    return;
  std::vector<asio::const_buffer> buffers;
  if (!call->headerSent)
    buffers.push_back(asio::buffer(call->headerOut));
  if (bytes > 0)
    buffers.emplace_back(call->outgoing.data() + call->sent, bytes);
  ++call->pending;
  call->sending = call->headerSent = true;
  asio::async_write(
      loop.stream(), buffers, everything, [this, bytes](const std::error_code &code, size_t) {
        --call->pending;
        call->sending = false;
        call->sent += bytes;
        if (code)
          call->writeFailure = std::make_exception_ptr(loop.lost(code, "while sending"));
        else
          sendPart();
      });
}

template <class Stream> void PartedExchange<Stream>::receivePart() {
  const size_t left = call->incoming.size() - call->received;
  if (left == 0)
    return;
  ++call->pending;
  loop.stream().async_read_some(
      asio::mutable_buffer(call->incoming.data() + call->received, left),
      [this](const std::error_code &code, size_t bytes) {
        --call->pending;
        call->received += bytes;
        if (code)
          loop.readFailed(*call, std::make_exception_ptr(loop.lost(code, "while receiving")));
        else
          receivePart();
      });
}

template <class Stream> void PartedExchange<Stream>::push(size_t bytes) {
  call->final = bytes;
  sendPart();
  loop.poll(); // failures are for those who wait
}

template <class Stream>
template <class Arrived>
void PartedExchange<Stream>::waitFor(Arrived &&arrived) {
  call->allowAnotherWait();
  const bool inTime = loop.runUntil(
      *call, spin, [&] { return arrived() || call->readFailure || call->pending == 0; });
  if (arrived() && !call->readFailure)
    return;
  loop.giveUp(*call);
  const std::unique_ptr<PartCall> failed = std::move(call);
  loop.conclude(*failed, inTime, "exchanging data");
}

template <class Stream> void PartedExchange<Stream>::pull(size_t bytes) {
  waitFor([&] { return call->received >= bytes; });
}

template <class Stream> void PartedExchange<Stream>::finish() {
  waitFor([&] { return call->pending == 0 && !call->writeFailure; });
  call.reset();
}

template <class Stream> void PartedExchange<Stream>::abandon() noexcept {
  if (!call)
    return;
  try {
    loop.giveUp(*call);
  } catch (...) {
    // A handler could not allocate; the socket is closed, nothing is read or written any more.
  }
  call.reset();
}

template class PartedExchange<PlainStream>;
template class PartedExchange<TlsStream>;

} // namespace gfs
