// SPDX-License-Identifier: Apache-2.0
#include "runtime/material/SetSeed.h"

#include "runtime/base/Error.h"
#include "runtime/material/RecordCipher.h"

#include <algorithm>

namespace gfs {

/// No record has this serial; records are sealed by keys of the set, besides.
static constexpr uint64_t seedSerial = UINT64_MAX;

static RecordCipher cipherOf(MaterialInfo info, const SecretSeed &partySeed) {
  info.payloadBytes = SecretSeed::size;
  return RecordCipher(partySeed, info);
}

SecretSeed drawSetSeed(MaterialInfo &info, const SecretSeed &partySeed) {
  SecretSeed seed = SecretSeed::random();
  std::ranges::copy(seed.bytes(), RecordCipher::payload(info.sealedSeed).begin());
  cipherOf(info, partySeed).seal(seedSerial, info.sealedSeed);
  return seed;
}

std::optional<SecretSeed> openSetSeed(const MaterialInfo &info, const SecretSeed &partySeed,
                                      const std::string &place) {
  if (std::ranges::all_of(info.sealedSeed, [](uint8_t byte) { return byte == 0; }))
    return std::nullopt;
  SecretVector<uint8_t> record(info.sealedSeed.begin(), info.sealedSeed.end());
  if (!cipherOf(info, partySeed).open(seedSerial, record))
    throw Error(ExitCode::Integrity, fmt::format("{}: the set's seed does not authenticate", place),
                "the file is damaged or from another key: copy it again or deal a new set");
  return SecretSeed(std::span(RecordCipher::payload(record)).first<SecretSeed::size>());
}

} // namespace gfs
