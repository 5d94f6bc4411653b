// SPDX-License-Identifier: Apache-2.0
// A set of material on its way into a server's folder, as the dealer sends it.
#pragma once

#include "runtime/material/MaterialFile.h"

#include <chrono>

namespace gfs {

/// What has come lies in NAME.material.part, which is material to nobody, until keep(). Its room on
/// the disk is taken at once. A set that
/// is not kept, because something failed, is removed; what a crash left, when the next server
/// starts (removeAbandonedArrivals).
class MaterialArrival {
public:
  /// `dealt` names the file. Errors: OutputUnwritable (no room for all of it, or the folder cannot
  /// be written).
  MaterialArrival(std::filesystem::path folder, const MaterialInfo &info,
                  std::chrono::system_clock::time_point dealt);
  ~MaterialArrival();
  MaterialArrival(const MaterialArrival &) = delete;
  MaterialArrival &operator=(const MaterialArrival &) = delete;

  const MaterialInfo &info() const { return about; }
  /// Bytes of records that have not come yet.
  uint64_t missing() const { return expected - arrived; }
  /// The next bytes of records, no more than missing(). Errors here and below: OutputUnwritable.
  void append(std::span<const uint8_t> sealed);
  /// All have come: durable when this returns.
  void store();
  /// From now on a file of material; durable too.
  void keep();

private:
  void writeAll(std::span<const uint8_t> bytes);

  const std::filesystem::path folder;
  std::filesystem::path part;
  OpenFile file;
  const MaterialInfo about;
  uint64_t expected = 0, arrived = 0, unsynced = 0;
  bool kept = false;
};

/// Removes what servers that ended while a set came have left in a folder, and nobody writes any
/// more. Never fails.
void removeAbandonedArrivals(const std::filesystem::path &folder) noexcept;

} // namespace gfs
