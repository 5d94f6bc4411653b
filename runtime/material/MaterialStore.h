// SPDX-License-Identifier: Apache-2.0
// A server's supply of one-time material: file and ledger together.
#pragma once

#include "runtime/material/Ledger.h"
#include "runtime/material/MaterialFile.h"

namespace gfs {

/// Order of use for one request: agree on a serial (the higher of both servers' cursors), claim()
/// it, and only then send anything that depends on it. readAhead() may come before claim(), to
/// prepare ahead; an unclaimed serial stays unused. tidy() when nobody waits.
class MaterialStore {
public:
  /// The ledger is beside the file unless said otherwise. Errors: those of MaterialReader and
  /// Ledger; MaterialReuse (the seed was erased, but the ledger tells of unused records). Erases
  /// what a crash left unerased.
  MaterialStore(const std::filesystem::path &path, const SecretSeed &partySeed,
                const std::filesystem::path &ledger = {});
  ~MaterialStore() { eraseClaimed(); }
  MaterialStore(const MaterialStore &) = delete;
  MaterialStore &operator=(const MaterialStore &) = delete;

  const MaterialInfo &info() const { return reader.info(); }
  uint64_t cursor() const { return ledger.cursor(); }
  const std::optional<SecretSeed> &setSeed() const { return reader.setSeed(); }
  uint64_t left() const { return info().endSerial() - cursor(); }

  /// A record in pieces of these lengths without regard to the cursor, from any thread;
  /// requireUnused() before it is used. Errors: those of MaterialReader::read.
  std::vector<SecretVector<uint8_t>> readAhead(uint64_t serial,
                                               std::span<const uint64_t> lengths) const {
    return reader.read(serial, lengths);
  }
  /// Throws MaterialReuse below the cursor, MaterialExhausted past the end, and OutputUnwritable
  /// where nothing can be claimed any more: better said before the other server has claimed its
  /// half.
  void requireUnused(uint64_t serial) const;
  /// Durably uses up everything up to and including `serial`. Errors: Ledger::claim.
  void claim(uint64_t serial);
  /// Erases claimed records from the disk, and reserves serials for the claims to come: the work on
  /// disk that no request has to wait for. With the last record the seed of the set goes, on disk
  /// and in memory: readAhead() may not run meanwhile. Errors: Ledger::reserve.
  void tidy();

private:
  MaterialReader reader;
  Ledger ledger;
  uint64_t erasedTo;

  void eraseClaimed() noexcept;
};

} // namespace gfs
