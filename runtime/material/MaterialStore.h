// SPDX-License-Identifier: Apache-2.0
// A server's supply of one-time material: file and ledger together.
#pragma once

#include "runtime/material/Ledger.h"
#include "runtime/material/MaterialFile.h"

namespace gfs {

/// Order of use for one request: agree on a serial (the higher of both servers' cursors), claim()
/// it, and only then send anything that depends on it. read() may come before claim(), to prepare
/// ahead; an unclaimed serial stays unused.
class MaterialStore {
public:
  /// Errors: those of MaterialReader and Ledger.
  MaterialStore(const std::filesystem::path &path, const SecretSeed &partySeed)
      : reader(path, partySeed),
        ledger(ledgerPath(path), reader.info(),
               reader.info().records == 0 || !reader.erased(reader.info().firstSerial)) {}

  const MaterialInfo &info() const { return reader.info(); }
  uint64_t cursor() const { return ledger.cursor(); }
  uint64_t left() const { return info().endSerial() - cursor(); }

  /// Errors: those of MaterialReader::read; MaterialReuse below the cursor.
  SecretVector<uint8_t> read(uint64_t serial) const;
  /// Durably uses up everything up to and including `serial` and erases it from the disk. Errors:
  /// Ledger::claim.
  void claim(uint64_t serial);

private:
  MaterialReader reader;
  Ledger ledger;
};

} // namespace gfs
