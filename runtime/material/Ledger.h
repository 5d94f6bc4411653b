// SPDX-License-Identifier: Apache-2.0
// The durable cursor that makes one-time material one-time: every serial below it is used or burnt.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/material/MaterialFile.h"

namespace gfs {

/// MaterialReuse: another process uses the material, which may be sound.
class LedgerLocked : public Error {
public:
  using Error::Error;
};

/// A small file beside the material, locked while open, so that no two processes share a material
/// file.
///
/// The disk is ahead of the cursor: it says up to where serials may be used, a range that reserve()
/// extends. So a claim within the range costs no write. A crash loses what is left of the range,
/// at most reserveAhead serials; an orderly end gives it back. used < cursor() <= durable cursor
/// holds at every moment, and a new process starts at the durable cursor: no serial is used twice.
///
/// The durable cursor is kept in two slots that are written in turn, each with a checksum: a write
/// that a crash tore leaves the other slot, which is right, because nothing of the new range was
/// used.
class Ledger {
public:
  /// Opens the ledger, or makes one at info.firstSerial if there is none, or a blank one, whose
  /// making was interrupted, and `fresh` (no record was ever used). Errors: LedgerLocked;
  /// MaterialReuse (missing although records were used), PlanMismatch (another set's),
  /// Integrity (damaged), OutputUnwritable.
  Ledger(const std::filesystem::path &path, const MaterialInfo &info, bool fresh);
  /// Gives back what was reserved and not claimed. If that cannot be written, it is lost.
  ~Ledger();
  Ledger(const Ledger &) = delete;
  Ledger &operator=(const Ledger &) = delete;

  /// Serials made durable ahead of use, so that few claims have to wait for the disk.
  static constexpr uint64_t reserveAhead = 16;

  /// The lowest serial that was never claimed.
  uint64_t cursor() const { return next; }
  /// Uses up every serial up to and including `serial`. The disk says so when this returns: at once
  /// if they are reserved, else after a durable write. Errors: MaterialReuse (below the cursor),
  /// MaterialExhausted, OutputUnwritable (the ledger then refuses all).
  void claim(uint64_t serial);
  /// Throws OutputUnwritable if a claim cannot succeed any more because a write has failed.
  void requireSound() const;
  /// Renews the reserve if half of it is used: for moments when nobody waits. Errors:
  /// OutputUnwritable.
  void reserve();

private:
  void store(uint64_t cursor);
  /// Stores a durable cursor that covers everything below `cursor` and the reserve.
  void storeAhead(uint64_t cursor);

  std::filesystem::path path;
  MaterialInfo info;
  OpenFile file;
  uint64_t next = 0;    ///< The cursor.
  uint64_t durable = 0; ///< The cursor on disk, never less than `next`.
  uint64_t writes = 0;  ///< Of this ledger ever; says which slot is newer and which comes next.
  bool failed = false;
};

/// The ledger of a set in a folder of material. One that the file has under its own name, from when
/// it was used by itself, gets the name by id too: so the set is known to be used under any name
/// that a copy of it comes back with. Errors: those of readCursor() where the two names have
/// different ledgers; then the higher cursor counts.
std::filesystem::path ledgerInFolder(const std::filesystem::path &material,
                                     const MaterialInfo &info);

/// The cursor as it is on disk, info.firstSerial if the ledger is blank, for people to look at:
/// takes no lock and changes nothing, so it works beside a running server; serials it has reserved
/// count as used. Errors: InputUnreadable (also: no ledger), PlanMismatch, Integrity.
uint64_t readCursor(const std::filesystem::path &path, const MaterialInfo &info);

} // namespace gfs
