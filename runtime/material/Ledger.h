// SPDX-License-Identifier: Apache-2.0
// The durable cursor that makes one-time material one-time: every serial below it is used or burnt.
#pragma once

#include "runtime/material/MaterialFile.h"

namespace gfs {

/// A small file beside the material, locked while open, so that no two processes share a material
/// file.
///
/// The cursor is kept in two slots that are written in turn, each with a checksum: a write that a
/// crash tore leaves the other slot, which is right, because claim() had not returned.
class Ledger {
public:
  /// Opens the ledger, or makes one at info.firstSerial if there is none and `fresh` (no record was
  /// ever used). Errors: MaterialReuse (locked by another process; missing although records were
  /// used), PlanMismatch (another set's), Integrity (damaged), OutputUnwritable.
  Ledger(const std::filesystem::path &path, const MaterialInfo &info, bool fresh);

  /// The lowest serial that was never claimed.
  uint64_t cursor() const { return next; }
  /// Uses up every serial up to and including `serial`. The new cursor is on disk when this
  /// returns. Errors: MaterialReuse (below the cursor), MaterialExhausted, OutputUnwritable (the
  /// ledger then refuses all).
  void claim(uint64_t serial);

private:
  void store(uint64_t cursor);

  std::filesystem::path path;
  MaterialInfo info;
  OpenFile file;
  uint64_t next = 0;
  uint64_t writes = 0; ///< Of this ledger ever; says which slot is newer and which comes next.
  bool failed = false;
};

/// The cursor as it is on disk, for people to look at: takes no lock and changes nothing, so it
/// works beside a running server, which may be one write ahead. Errors: InputUnreadable (also: no
/// ledger), PlanMismatch, Integrity.
uint64_t readCursor(const std::filesystem::path &path, const MaterialInfo &info);

} // namespace gfs
