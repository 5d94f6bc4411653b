// SPDX-License-Identifier: Apache-2.0
// What one end tells the other when it gives up: an exit code, a message and a hint. The peer's
// words are shown to people, so nothing of them is trusted.
#pragma once

#include "runtime/base/Error.h"

#include <span>
#include <string_view>
#include <vector>

namespace gfs {

/// Longest payload of an error frame that is sent or read.
constexpr uint64_t maxErrorBytes = 4096;

/// The payload of an error frame: one byte exit code, message, newline, hint; cut at maxErrorBytes.
std::vector<uint8_t> encodeError(const Error &error);
/// "`peer` reports: …", from a payload that is not empty.
Error decodeError(const std::string &peer, std::span<const uint8_t> payload);
/// Likewise, from what a message of the layer above holds. A code that is none of ours becomes
/// Failure.
Error reportedError(std::string_view peer, uint32_t code, std::string_view message,
                    std::string_view hint);

/// `text` with '?' for whatever is not printable ASCII.
std::string printable(std::string_view text);

} // namespace gfs
