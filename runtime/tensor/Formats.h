// SPDX-License-Identifier: Apache-2.0
// The readers behind TensorFile.h, one per format, and the checks they share.
#pragma once

#include "runtime/tensor/TensorFile.h"

#include <optional>

namespace gfs {

/// An .npy file in memory.
Tensor parseNpy(std::span<const std::byte> bytes, const std::string &file);
/// A zip archive of .npy files, stored or deflated.
std::vector<Tensor> parseNpz(std::span<const std::byte> bytes, const std::string &file);
/// A serialised TensorProto.
Tensor parseTensorProto(std::span<const std::byte> bytes, const std::string &file);

/// The product of `shape` times `elementBytes`, or nothing if it exceeds maxTensorFileBytes. No
/// intermediate product wraps.
std::optional<uint64_t> boundedBytes(std::span<const uint64_t> shape, unsigned elementBytes);

/// The number that an IEEE 754 half-precision pattern stands for.
float fromFloat16(uint16_t half);

[[noreturn]] inline void invalidFile(const std::string &file, const std::string &cause,
                                     const std::string &hint) {
  throw Error(ExitCode::InvalidInput, fmt::format("{}: {}", file, cause), hint);
}

/// The next step for a file that breaks off or contradicts itself.
constexpr const char *copyAgain =
    "the file may be damaged or only partly copied; save or copy it again";

/// Little-endian number at `offset`; the caller has checked that it lies inside.
template <class T> T loadLittle(std::span<const std::byte> bytes, size_t offset) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(
        value | static_cast<T>(T(std::to_integer<uint8_t>(bytes[offset + i])) << (8 * i)));
  return value;
}

} // namespace gfs
