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
  /// payload: info.payloadBytes. False if the record is not authentic; `payload` is then wiped.
  bool open(uint64_t serial, std::span<const uint8_t> record, std::span<uint8_t> payload) const;

private:
  std::array<uint8_t, 32 + 16 + 16 + 1 + 8> associatedData(uint64_t serial) const;
  SecretSeed key;
  MaterialInfo info;
};

} // namespace gfs
