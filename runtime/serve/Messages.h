// SPDX-License-Identifier: Apache-2.0
// Protobuf messages in Control frames.
#pragma once

#include "runtime/net/Connection.h"
#include "runtime/serve/serve.pb.h"

namespace gfs::serve {

/// No message of serve.proto comes near this: the longest name, or tell what was the cost of, the
/// inferences of one pass, about 120 bytes for each of 4,096 at most.
constexpr uint64_t maxMessageBytes = uint64_t(1) << 20;

/// Records of a delivered set travel in frames of this size at most.
constexpr uint64_t deliveryFrameBytes = uint64_t(1) << 20;

inline void sendMessage(Connection &connection, const google::protobuf::MessageLite &message,
                        Milliseconds timeout) {
  std::string bytes = message.SerializeAsString();
  connection.send(FrameType::Control,
                  {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()}, timeout);
}

/// Throws Network if the next frame is no such message.
template <class Message> Message receiveMessage(Connection &connection, Milliseconds timeout) {
  Frame frame = connection.receive(maxMessageBytes, timeout);
  Message message;
  if (frame.type != FrameType::Control ||
      !message.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size())))
    throw Error(ExitCode::Network, fmt::format("{}: malformed message", connection.peerText()),
                "do both ends run the same version?");
  return message;
}

/// Copies a bytes field of fixed size. Throws Network if it has another size.
template <size_t size>
std::array<uint8_t, size> fixedField(const std::string &field, const Connection &connection,
                                     const char *name) {
  if (field.size() != size)
    throw Error(ExitCode::Network,
                fmt::format("{}: malformed message: {}", connection.peerText(), name));
  std::array<uint8_t, size> value;
  std::copy(field.begin(), field.end(), value.begin());
  return value;
}

} // namespace gfs::serve
