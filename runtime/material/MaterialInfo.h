// SPDX-License-Identifier: Apache-2.0
// What a material file belongs to. Bound into every record, so that no record can be used anywhere
// else.
#pragma once

#include "runtime/base/Ring.h"
#include "runtime/plan/Files.h"

#include <array>
#include <filesystem>

namespace gfs {

/// The header of a material file: `records` records for serials [firstSerial, firstSerial +
/// records).
struct MaterialInfo {
  plan::Hash planHash{};
  plan::Id16 modelId{};    ///< Ties weights, keys and material of one compilation.
  plan::Id16 materialId{}; ///< Names the seeds of both halves; the same in both parties' files.
  Party party = Party::Zero;
  uint64_t firstSerial = 0;
  uint64_t records = 0;
  uint64_t payloadBytes = 0; ///< Dealt bytes of this party per record; may be 0.

  /// A record on disk: 12-byte random nonce, encrypted payload, 16-byte tag.
  static constexpr uint64_t overheadBytes = 12 + 16;
  /// The party's seed of this set, as such a record; zeros once it was erased. See SetSeed.h.
  std::array<uint8_t, 32 + overheadBytes> sealedSeed{};
  /// Of the other half's seed: with it a server sees that materialId is that of both.
  std::array<uint8_t, 32> otherSeedDigest{};

  uint64_t recordBytes() const { return payloadBytes + overheadBytes; }
  uint64_t endSerial() const { return firstSerial + records; }
  bool operator==(const MaterialInfo &) const = default;
};

/// What to do where material is exhausted.
constexpr const char *moreMaterial =
    "deal a new set with gfsdeal and put its halves into the servers' material folders, or have it "
    "bring them (--to0, --to1); servers "
    "that were given a file must be restarted with the new one";

/// "x.s0.mat" -> "x.s0.mat.ledger": the cursor beside the material.
inline std::filesystem::path ledgerPath(const std::filesystem::path &material) {
  return material.string() + ".ledger";
}
/// The same where files lie in a folder of material, which knows a set by its id, whatever its file
/// is called: "ID.ledger".
inline std::filesystem::path ledgerPathById(const std::filesystem::path &material,
                                            const MaterialInfo &info) {
  return material.parent_path() / (plan::hex(info.materialId) + ".ledger");
}
/// The one of both that is there, else that of a file used by itself.
inline std::filesystem::path ledgerPath(const std::filesystem::path &material,
                                        const MaterialInfo &info) {
  const std::filesystem::path own = ledgerPath(material), byId = ledgerPathById(material, info);
  return !std::filesystem::exists(own) && std::filesystem::exists(byId) ? byId : own;
}

} // namespace gfs
