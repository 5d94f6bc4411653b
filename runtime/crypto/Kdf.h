// SPDX-License-Identifier: Apache-2.0
// HKDF-SHA256 (RFC 5869): how one secret becomes many independent keys.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gfs {

/// Fills `out` (at most 8160 bytes) from `secret` without salt; different `info` gives independent
/// bytes.
void hkdfSha256(std::span<const uint8_t> secret, std::string_view info, std::span<uint8_t> out);

} // namespace gfs
