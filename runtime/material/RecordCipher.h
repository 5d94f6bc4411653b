// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM over one material record. Not for header use outside this folder.
#pragma once

#include "runtime/base/Secret.h"
#include "runtime/material/MaterialInfo.h"

#include <span>

namespace gfs {

/// Seals and opens the records of one file. The key is derived from the party's seed, which the
/// dealer and this party hold. Associated data: plan hash, model id, material id, party and serial,
/// so that a flipped, moved or foreign record does not open. The nonce is random, not the serial: a
/// resumed dealer may seal one serial twice, and GCM must never see one nonce with two messages.
class RecordCipher {
public:
  RecordCipher(const SecretSeed &partySeed, const MaterialInfo &info);

  /// Where the payload lies in a record.
  static std::span<uint8_t> payload(std::span<uint8_t> record);
  /// Seals payload(record) where it lies; record: info.recordBytes(). Thread-safe.
  void seal(uint64_t serial, std::span<uint8_t> record) const;
  /// What a record holds around its payload.
  static constexpr size_t nonceBytes = 12, tagBytes = 16;
  struct Envelope {
    std::array<uint8_t, nonceBytes> nonce; ///< Before the payload.
    std::array<uint8_t, tagBytes> tag;     ///< Behind it.
  };
  /// Opens a sealed payload of info.payloadBytes where it lies: one copy of a record is enough,
  /// which may be hundreds of megabytes. False if it is not authentic; it is then wiped.
  bool open(uint64_t serial, const Envelope &envelope, std::span<uint8_t> payload) const;
  /// The same for a whole record; opens payload(record).
  bool open(uint64_t serial, std::span<uint8_t> record) const;

private:
  std::array<uint8_t, 32 + 16 + 16 + 1 + 8> associatedData(uint64_t serial) const;
  SecretSeed key;
  MaterialInfo info;
};

} // namespace gfs
