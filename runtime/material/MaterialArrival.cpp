// SPDX-License-Identifier: Apache-2.0
#include "runtime/material/MaterialArrival.h"

#include "runtime/base/Error.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace gfs {

static constexpr std::string_view partSuffix = ".part", materialSuffix = ".material";
/// Stays free on the disk: ledgers must be written whatever comes.
static constexpr uint64_t roomForLedgers = uint64_t(64) << 20;
static constexpr uint64_t syncEvery = uint64_t(64) << 20;

[[noreturn]] static void unwritable(const std::filesystem::path &path) {
  throw Error(ExitCode::OutputUnwritable,
              fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)),
              "check the server's folder of material: its permissions, and room on its disk");
}

/// Durable are names only with the folder they are in.
static void syncFolder(const std::filesystem::path &folder) {
  const OpenFile descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0)
    unwritable(folder);
}

/// Throws unless, beside what ledgers may need, the disk has room for a set of so many bytes, of
/// which it has so many already.
static void requireRoom(const std::filesystem::path &folder, uint64_t bytes, uint64_t taken) {
  std::error_code failure;
  const std::filesystem::space_info room = std::filesystem::space(folder, failure);
  if (!failure &&
      (room.available < roomForLedgers || room.available - roomForLedgers < bytes - taken))
    throw Error(ExitCode::OutputUnwritable,
                fmt::format("{}: {} MB are free, of which {} MB stay so, the set takes {} MB",
                            folder.string(), (room.available + taken) / 1'000'000,
                            roomForLedgers / 1'000'000, bytes / 1'000'000 + 1),
                "make room on the server's disk, or deal smaller sets (-n)");
}

/// Takes the room of a whole set, so that several that come at once do not fill the disk. Where the
/// file system cannot do that, the sets have to see as they come.
static void takeRoom(const std::filesystem::path &path, int file, uint64_t bytes) {
  while (::fallocate(file, 0, 0, static_cast<off_t>(bytes)) != 0) {
    if (errno == EOPNOTSUPP)
      return;
    if (errno != EINTR)
      unwritable(path);
  }
}

MaterialArrival::MaterialArrival(std::filesystem::path givenFolder, const MaterialInfo &info,
                                 std::chrono::system_clock::time_point dealt)
    : folder(std::move(givenFolder)), about(info), expected(about.records * about.recordBytes()) {
  const std::string header = encodeMaterialHeader(about);
  const uint64_t whole = header.size() + expected;
  requireRoom(folder, whole, 0);
  part = folder / (materialName(about, dealt) + std::string(partSuffix));
  const int descriptor = ::open(part.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0)
    unwritable(part);
  file = OpenFile(descriptor);
  try {
    // Held while it comes, so that it is not taken for abandoned.
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0)
      unwritable(part);
    takeRoom(part, descriptor, whole);
    requireRoom(folder, whole, whole); // others may have come meanwhile
    writeAll({reinterpret_cast<const uint8_t *>(header.data()), header.size()});
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
    throw;
  }
}

MaterialArrival::~MaterialArrival() {
  std::error_code ignored;
  if (!kept)
    std::filesystem::remove(part, ignored);
}

void MaterialArrival::writeAll(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t now = ::write(file.get(), bytes.data(), bytes.size());
    if (now < 0 && errno == EINTR)
      continue;
    if (now <= 0)
      unwritable(part);
    bytes = bytes.subspan(static_cast<size_t>(now));
  }
}

void MaterialArrival::append(std::span<const uint8_t> sealed) {
  check(sealed.size() <= missing(), "more material than announced");
  writeAll(sealed);
  arrived += sealed.size();
  unsynced += sealed.size();
  // In pieces: the dealer waits for store().
  if (unsynced >= syncEvery && ::fdatasync(file.get()) != 0)
    unwritable(part);
  if (unsynced >= syncEvery)
    unsynced = 0;
}

void MaterialArrival::store() {
  check(missing() == 0, "material stored too early");
  if (::fsync(file.get()) != 0)
    unwritable(part);
}

void MaterialArrival::keep() {
  std::filesystem::path name = part;
  name.replace_extension(); // without ".part"
  std::error_code failure;
  std::filesystem::rename(part, name, failure);
  if (failure)
    throw Error(ExitCode::OutputUnwritable,
                fmt::format("{}: cannot be written: {}", name.string(), failure.message()),
                "check the server's folder of material");
  kept = true;
  syncFolder(folder);
}

void removeAbandonedArrivals(const std::filesystem::path &folder) noexcept {
  try {
    std::error_code failure;
    for (std::filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
         entry.increment(failure)) {
      const std::filesystem::path &path = entry->path();
      if (path.extension() != partSuffix || path.stem().extension() != materialSuffix)
        continue;
      const OpenFile file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
      std::error_code ignored;
      if (file.get() >= 0 && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0)
        std::filesystem::remove(path, ignored);
    }
  } catch (const std::exception &) {
    // Out of memory: another time.
  }
}

} // namespace gfs
