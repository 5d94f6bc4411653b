// SPDX-License-Identifier: Apache-2.0
// The first bytes of a set of material, in a file and on its way to a server: magic, length, and a
// FileHeader of plan.proto.
#pragma once

#include "runtime/material/MaterialInfo.h"

#include <chrono>
#include <utility>

namespace gfs {

/// What stands before the message; shorter files are not complete.
constexpr uint64_t materialPrefixBytes = 12;
constexpr uint64_t maxMaterialHeaderBytes = materialPrefixBytes + 4096;
constexpr uint64_t maxMaterialPayloadBytes = uint64_t(1) << 36;

std::string encodeMaterialHeader(const MaterialInfo &info);
/// The header at the front of `bytes`, checked, and its length. `place` is named in errors:
/// InvalidInput.
std::pair<MaterialInfo, uint64_t> decodeMaterialHeader(std::span<const uint8_t> bytes,
                                                       const std::string &place);

/// "20261121T182644.123Z-5f3a91c0.s0.material": in the order of their names, in which servers use
/// them, sets in a folder are in the order in which they were dealt.
std::string materialName(const MaterialInfo &info, std::chrono::system_clock::time_point dealt);

} // namespace gfs
