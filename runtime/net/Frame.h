// SPDX-License-Identifier: Apache-2.0
// What travels on a connection: an 8-byte header (little-endian, type in the top byte, length
// below) and a payload.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gfs {

enum class FrameType : uint8_t {
  Hello = 1,   ///< First frame each way: protocol version and role.
  Control = 2, ///< A message of the layer above (serve.proto).
  Data = 3,    ///< Shares and masked values; its length is known to the receiver beforehand.
  Error = 4,   ///< One byte exit code, then text for people; the sender closes after it.
};

struct FrameHeader {
  static constexpr size_t size = 8;
  static constexpr uint64_t maxLength = (uint64_t(1) << 56) - 1;
  using Bytes = std::array<uint8_t, size>;

  FrameType type;
  uint64_t length;

  Bytes encode() const {
    uint64_t word = uint64_t(type) << 56 | length;
    Bytes bytes;
    for (size_t i = 0; i < size; ++i)
      bytes[i] = static_cast<uint8_t>(word >> 8 * i);
    return bytes;
  }
  static FrameHeader decode(const Bytes &bytes) {
    uint64_t word = 0;
    for (size_t i = 0; i < size; ++i)
      word |= uint64_t(bytes[i]) << 8 * i;
    return {static_cast<FrameType>(word >> 56), word & maxLength};
  }
};

struct Frame {
  FrameType type;
  std::vector<uint8_t> payload;
};

} // namespace gfs
