// SPDX-License-Identifier: Apache-2.0
#include "runtime/material/Ledger.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <openssl/sha.h>
#include <optional>
#include <sys/file.h>
#include <unistd.h>

namespace gfs {

namespace {

/// Slot layout: magic 8, material id 16, party 8, cursor 8, writes 8, first 16 bytes of SHA-256 of
/// all that.
constexpr std::string_view magic = "GFSLEDG1";
constexpr size_t checkedBytes = 48, slotBytes = 64;
/// Slots lie in different blocks: a torn block cannot take both.
constexpr uint64_t slotDistance = 4096;
using SlotBytes = std::array<uint8_t, slotBytes>;

struct Slot {
  plan::Id16 materialId;
  uint64_t party, cursor, writes;
};

} // namespace

static void putWord(uint8_t *out, uint64_t word) {
  for (unsigned i = 0; i < 8; ++i)
    out[i] = static_cast<uint8_t>(word >> 8 * i);
}

static uint64_t getWord(const uint8_t *in) {
  uint64_t word = 0;
  for (unsigned i = 0; i < 8; ++i)
    word |= uint64_t(in[i]) << 8 * i;
  return word;
}

static SlotBytes encode(const Slot &slot) {
  SlotBytes bytes{};
  std::copy(magic.begin(), magic.end(), bytes.begin());
  std::copy(slot.materialId.begin(), slot.materialId.end(), bytes.begin() + 8);
  putWord(&bytes[24], slot.party);
  putWord(&bytes[32], slot.cursor);
  putWord(&bytes[40], slot.writes);
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(bytes.data(), checkedBytes, digest);
  std::copy_n(digest, slotBytes - checkedBytes, bytes.begin() + checkedBytes);
  return bytes;
}

static std::optional<Slot> readSlot(int file, unsigned which) {
  SlotBytes bytes;
  if (::pread(file, bytes.data(), bytes.size(), static_cast<off_t>(which * slotDistance)) !=
      static_cast<ssize_t>(bytes.size()))
    return std::nullopt;
  Slot slot;
  std::copy_n(bytes.begin() + 8, slot.materialId.size(), slot.materialId.begin());
  slot.party = getWord(&bytes[24]);
  slot.cursor = getWord(&bytes[32]);
  slot.writes = getWord(&bytes[40]);
  if (encode(slot) != bytes)
    return std::nullopt;
  return slot;
}

/// Nothing was ever stored: the making of the ledger was interrupted, by a full disk perhaps. No
/// record is used before the first slot is durable, so this is as good as no ledger.
static bool isBlank(int file) {
  std::array<uint8_t, slotDistance + slotBytes> bytes{};
  return ::pread(file, bytes.data(), bytes.size(), 0) >= 0 &&
         std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

/// The slot that was written last and is whole, if it is this material's.
static Slot readNewest(int file, const std::filesystem::path &path, const MaterialInfo &info) {
  std::optional<Slot> slots[2] = {readSlot(file, 0), readSlot(file, 1)};
  if (!slots[0] && !slots[1])
    throw Error(ExitCode::Integrity, fmt::format("{}: the ledger is damaged", path.string()),
                "deal a new set of material");
  const Slot &newer =
      *(!slots[1] || (slots[0] && slots[0]->writes > slots[1]->writes) ? slots[0] : slots[1]);
  if (newer.materialId != info.materialId || newer.party != index(info.party))
    throw Error(ExitCode::PlanMismatch,
                fmt::format("{}: the ledger belongs to other material", path.string()),
                "keep material and ledger together, under one name; a new set gets a new name");
  if (newer.cursor < info.firstSerial || newer.cursor > info.endSerial())
    throw Error(ExitCode::Integrity,
                fmt::format("{}: the cursor is outside of the material", path.string()),
                "deal a new set of material");
  return newer;
}

uint64_t readCursor(const std::filesystem::path &path, const MaterialInfo &info) {
  OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0)
    throw Error(ExitCode::InputUnreadable,
                fmt::format("{}: cannot be opened: {}", path.string(), std::strerror(errno)),
                "check that it may be read");
  if (isBlank(file.get()))
    return info.firstSerial;
  return readNewest(file.get(), path, info).cursor;
}

static void syncFolder(const std::filesystem::path &path) {
  std::filesystem::path folder = path.parent_path().empty() ? "." : path.parent_path();
  OpenFile descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0)
    throw Error(ExitCode::OutputUnwritable,
                fmt::format("{}: cannot be made durable: {}", path.filename().string(),
                            std::strerror(errno)));
}

std::filesystem::path ledgerInFolder(const std::filesystem::path &material,
                                     const MaterialInfo &info) {
  const std::filesystem::path own = ledgerPath(material), byId = ledgerPathById(material, info);
  if (!std::filesystem::exists(own))
    return byId;
  // One file with two names: locks and writes through either are the same.
  if (::link(own.c_str(), byId.c_str()) == 0) {
    syncFolder(byId);
    return byId;
  }
  if (errno != EEXIST)
    return own; // a file system without links
  return readCursor(own, info) > readCursor(byId, info) ? own : byId;
}

static Error unwritable(const std::filesystem::path &path, int cause) {
  return Error(
      ExitCode::OutputUnwritable,
      fmt::format("{}: cannot be written: {}", path.filename().string(), std::strerror(cause)),
      "is the disk full? no material is used until the ledger can be written");
}

Ledger::Ledger(const std::filesystem::path &path, const MaterialInfo &info, bool fresh)
    : path(path), info(info) {
  file = OpenFile(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0)
    throw Error(ExitCode::OutputUnwritable,
                fmt::format("{}: cannot be opened: {}", path.string(), std::strerror(errno)),
                "the folder of the material must be writable");
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    throw LedgerLocked(ExitCode::MaterialReuse,
                       fmt::format("{}: another process uses this material", path.string()),
                       "stop the other gfsrun, or give this one its own material");

  if (isBlank(file.get())) {
    if (!fresh)
      throw Error(ExitCode::MaterialReuse,
                  fmt::format("{}: the ledger is missing, but material was used", path.string()),
                  "put the ledger back, or deal a new set");
    // Room for both slots: a disk that fills up later stops no server.
    if (int failure = ::posix_fallocate(file.get(), 0, slotDistance + slotBytes))
      throw unwritable(path, failure);
    store(info.firstSerial);
    next = info.firstSerial;
    syncFolder(path);
    return;
  }
  const Slot newer = readNewest(file.get(), path, info);
  next = durable = newer.cursor;
  writes = newer.writes;
}

void Ledger::store(uint64_t cursor) {
  SlotBytes bytes = encode({info.materialId, index(info.party), cursor, writes + 1});
  off_t at = static_cast<off_t>((writes + 1) % 2 * slotDistance);
  bool stored =
      ::pwrite(file.get(), bytes.data(), bytes.size(), at) == static_cast<ssize_t>(bytes.size()) &&
      ::fdatasync(file.get()) == 0;
  if (!stored) {
    // After a failed fdatasync nobody knows what is on disk: nothing may be claimed any more.
    failed = true;
    throw unwritable(path, errno);
  }
  ++writes;
  durable = cursor;
}

Ledger::~Ledger() {
  if (failed || durable == next)
    return;
  try {
    store(next);
  } catch (const std::exception &) {
    // The disk keeps the higher cursor, which is safe.
  }
}

void Ledger::requireSound() const {
  if (failed)
    throw Error(ExitCode::OutputUnwritable,
                fmt::format("{}: could not be written before", path.filename().string()),
                "restart the server when the disk is in order");
}

void Ledger::storeAhead(uint64_t cursor) {
  store(std::min(cursor + reserveAhead, info.endSerial()));
}

void Ledger::reserve() {
  requireSound();
  if (durable < info.endSerial() && durable - next <= reserveAhead / 2)
    storeAhead(next);
}

void Ledger::claim(uint64_t serial) {
  requireSound();
  if (serial < next)
    throw Error(ExitCode::MaterialReuse,
                fmt::format("{}: serial {} was used already", path.filename().string(), serial),
                "material is good for one inference only");
  if (serial >= info.endSerial())
    throw Error(ExitCode::MaterialExhausted,
                fmt::format("{}: no unused material is left", path.filename().string()),
                moreMaterial);
  if (serial >= durable)
    storeAhead(serial + 1);
  next = serial + 1;
}

} // namespace gfs
