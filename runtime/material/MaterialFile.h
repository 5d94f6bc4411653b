// SPDX-License-Identifier: Apache-2.0
// Files of one-time material: written record by record by the dealer, read record by record by a
// server.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/base/Secret.h"
#include "runtime/material/MaterialHeader.h"
#include "runtime/material/MaterialSink.h"
#include "runtime/material/SetSeed.h"

#include <filesystem>
#include <utility>

namespace gfs {

/// An open descriptor that closes itself.
class OpenFile {
public:
  OpenFile() = default;
  explicit OpenFile(int descriptor) : descriptor(descriptor) {}
  OpenFile(OpenFile &&other) noexcept : descriptor(std::exchange(other.descriptor, -1)) {}
  OpenFile &operator=(OpenFile &&other) noexcept {
    std::swap(descriptor, other.descriptor);
    return *this;
  }
  ~OpenFile();
  int get() const { return descriptor; }

private:
  int descriptor = -1;
};

/// The header of a material file, checked. Errors: InputUnreadable, InvalidInput.
MaterialInfo readMaterialInfo(const std::filesystem::path &path);
/// Whether a material file has the size its header asks for: not while it is dealt or copied.
/// Errors as above; a file too short for its header is not complete.
bool holdsAllRecords(const std::filesystem::path &path);

/// Writes one party's file from front to back; memory use does not depend on the number of records.
/// Errors: OutputUnwritable; for resume() also those of MaterialReader and PlanMismatch.
class MaterialWriter : public MaterialSink {
public:
  /// A new file, mode 0600. An existing one is refused, or replaced together with its ledger if
  /// `replace`.
  static MaterialWriter create(const std::filesystem::path &path, const MaterialInfo &info,
                               bool replace);
  /// Continues an interrupted file: checks that it is `info`'s and finds how many records at its
  /// front are sound.
  static MaterialWriter resume(const std::filesystem::path &path, const MaterialInfo &info,
                               const SecretSeed &setSeed);

  /// Complete records so far.
  uint64_t written() const { return complete; }
  /// Drops records from `records` on, so that both parties' files continue at the same serial.
  void truncate(uint64_t records);
  /// The sealed record of serial firstSerial + written().
  void append(std::span<const uint8_t> sealed) override;
  /// Makes everything durable; all records must have been written.
  void finish() override;

private:
  MaterialWriter(const std::filesystem::path &path, const MaterialInfo &info);
  uint64_t offset(uint64_t record) const { return headerBytes + record * info.recordBytes(); }
  void sync();

  std::filesystem::path path;
  MaterialInfo info;
  OpenFile file;
  uint64_t headerBytes = 0;
  uint64_t complete = 0;
  uint64_t unsynced = 0;
};

/// MaterialReuse: nothing of a set opens once its seed is gone.
Error seedErased(const std::filesystem::path &path);

/// Random access to the records of a complete file.
class MaterialReader {
public:
  /// Errors: InputUnreadable, InvalidInput (not a material file, or cut short), Integrity (sealed
  /// by another key).
  MaterialReader(const std::filesystem::path &path, const SecretSeed &partySeed);

  const MaterialInfo &info() const { return header; }
  /// This party's seed of the set; nothing once it was erased.
  const std::optional<SecretSeed> &setSeed() const { return seed; }
  /// The payload of one record, in pieces of these lengths, info().payloadBytes together. The system
  /// is told to have the record behind it ready. Errors, which name the file without its folder,
  /// since servers tell them to clients: MaterialExhausted (serial past the end), MaterialReuse
  /// (erased, or the seed is), Integrity (does not authenticate).
  std::vector<SecretVector<uint8_t>> read(uint64_t serial, std::span<const uint64_t> lengths) const;
  /// True if the record has been erased after use.
  bool erased(uint64_t serial) const;
  /// Destroys the records of [from, to) on disk as far as the file system allows; never fails.
  void erase(uint64_t from, uint64_t to) const noexcept;
  /// The same for the seed of the set, when all records are used; wipes it from memory too, with
  /// what opens records. Nothing may be read meanwhile.
  void eraseSeed() noexcept;
  /// Throws MaterialExhausted for serials past the end.
  void requireHeld(uint64_t serial) const;

private:
  uint64_t offset(uint64_t serial) const {
    return headerBytes + (serial - header.firstSerial) * header.recordBytes();
  }
  void readAt(uint64_t offset, std::span<uint8_t> out) const;
  void eraseSeedOnDisk() const noexcept;

  std::filesystem::path path;
  MaterialInfo header;
  OpenFile file;
  uint64_t headerBytes = 0;
  std::optional<SecretSeed> seed;
  std::optional<RecordCipher> cipher; ///< While there is a seed.
};

} // namespace gfs
