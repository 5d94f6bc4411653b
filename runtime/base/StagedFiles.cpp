// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/StagedFiles.h"

#include "runtime/base/Error.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace gfs {

namespace fs = std::filesystem;

static fs::path beside(const fs::path &path) { return path.string() + ".partial"; }

static Error unwritable(const fs::path &path) {
  return Error(ExitCode::OutputUnwritable,
               fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)),
               "check the folder, its permissions and the free space");
}

static bool writeAll(int file, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(file, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return false;
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return true;
}

/// Something that renaming a file over would destroy.
static bool isSpecial(const fs::path &path) {
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  return fs::exists(status) && !fs::is_regular_file(status);
}

StagedFiles::~StagedFiles() {
  for (const fs::path &path : paths)
    ::unlink(beside(path).c_str());
}

void StagedFiles::add(const fs::path &path, std::initializer_list<std::span<const uint8_t>> pieces,
                      bool secret) {
  if (isSpecial(path))
    throw Error(ExitCode::OutputUnwritable,
                fmt::format("{}: it exists and is no file", path.string()), "choose another name");
  const fs::path temporary = beside(path);
  ::unlink(temporary.c_str()); // left by a crash; O_EXCL then guarantees our mode
  const int file =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0644);
  if (file < 0)
    throw unwritable(path);
  paths.push_back(path);
  bool written = true;
  for (std::span<const uint8_t> piece : pieces)
    written = written && writeAll(file, piece);
  written = written && ::fsync(file) == 0;
  const int reason = errno;
  ::close(file);
  errno = reason;
  if (!written)
    throw unwritable(path);
}

void StagedFiles::commit() {
  while (!paths.empty()) {
    if (::rename(beside(paths.front()).c_str(), paths.front().c_str()) != 0)
      throw unwritable(paths.front());
    paths.erase(paths.begin());
  }
}

void writeFile(const fs::path &path, std::string_view text) {
  const std::span bytes(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  if (isSpecial(path)) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    const bool written = file >= 0 && writeAll(file, bytes);
    const int reason = errno;
    if (file >= 0)
      ::close(file);
    errno = reason;
    if (!written)
      throw unwritable(path);
    return;
  }
  std::error_code failure;
  const fs::path target =
      fs::is_symlink(path, failure) ? fs::weakly_canonical(path, failure) : path;
  if (target.empty()) { // links that lead to each other
    errno = failure.value();
    throw unwritable(path);
  }
  StagedFiles files;
  files.add(target, {bytes}, /*secret=*/false);
  files.commit();
}

} // namespace gfs
