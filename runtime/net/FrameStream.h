// SPDX-License-Identifier: Apache-2.0
// Frames (Frame.h) on a stream: starts to send or to receive one; whoever starts it runs the loop.
// Internal to this folder.
#pragma once

#include "runtime/net/StreamLoop.h"

#include <functional>

namespace gfs {

/// A call that sends a frame, receives one, or both.
struct FrameCall : Call {
  /// Checks a header and says where the payload goes; what it throws is the call's failure.
  using Sink = std::function<std::span<uint8_t>(const FrameHeader &)>;

  using Call::Call;
  // What operations in flight refer to.
  FrameHeader::Bytes headerOut{}, headerIn{};
  std::vector<uint8_t> errorText;
  Sink sink;
};

template <class Stream> class FrameStream {
public:
  explicit FrameStream(StreamLoop<Stream> &loop) : loop(loop) {}

  /// `payload` stays where it is until nothing is pending.
  void startSend(FrameCall &call, FrameType type, std::span<const uint8_t> payload);
  /// Any frame but an error frame goes to `sink`; that one becomes the call's failure.
  void startReceive(FrameCall &call, FrameCall::Sink sink);
  /// For sinks: `payload`, if the header announces that much data. Errors: Network.
  std::span<uint8_t> expectData(const FrameHeader &header, std::span<uint8_t> payload) const;

private:
  /// The payload that a header announces.
  void receiveBehind(FrameCall &call, const FrameHeader &header);
  /// Record types 0x15 and 0x16 of TLS, in answer to our plaintext hello.
  bool answersTls(const FrameHeader::Bytes &header, size_t bytes) const;

  StreamLoop<Stream> &loop;
};

extern template class FrameStream<PlainStream>;
extern template class FrameStream<TlsStream>;

} // namespace gfs
