// SPDX-License-Identifier: Apache-2.0
// One exchange of two Data frames in parts, as Channel says: the sender's bytes leave as they
// become final, the receiver's are handed out as they come. On the wire it is an exchange like any
// other. Internal to this folder.
#pragma once

#include "runtime/net/FrameStream.h"

namespace gfs {

template <class Stream> class PartedExchange {
public:
  /// `spin`: how waits poll; it may be set anew between exchanges.
  PartedExchange(StreamLoop<Stream> &loop, FrameStream<Stream> &frames, Spin &spin)
      : loop(loop), frames(frames), spin(spin) {}

  /// Whether there is one that is neither finished nor given up; what follows is for such a one.
  bool begun() const { return call != nullptr; }
  void begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming, Milliseconds timeout);
  void push(size_t bytes);
  void pull(size_t bytes);
  void finish();
  void abandon() noexcept;

private:
  struct PartCall : FrameCall {
    PartCall(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming, Milliseconds timeout)
        : FrameCall(timeout), outgoing(outgoing), incoming(incoming), timeout(timeout) {}
    /// Every wait has a time of its own.
    void allowAnotherWait() {
      deadline = Clock::now() + timeout;
      allow(outgoing.size() + incoming.size());
    }

    const std::span<const uint8_t> outgoing;
    const std::span<uint8_t> incoming;
    const Milliseconds timeout;
    size_t final = 0, sent = 0, received = 0; ///< Bytes of the payloads.
    bool headerSent = false, sending = false;
  };

  /// Sends what is final, then calls itself again.
  void sendPart();
  /// Receives what there is, then calls itself again.
  void receivePart();
  /// Waits until `arrived`; closes and throws if that fails or takes too long.
  template <class Arrived> void waitFor(Arrived &&arrived);

  StreamLoop<Stream> &loop;
  FrameStream<Stream> &frames;
  Spin &spin;
  std::unique_ptr<PartCall> call; ///< Begun and not finished.
};

extern template class PartedExchange<PlainStream>;
extern template class PartedExchange<TlsStream>;

} // namespace gfs
