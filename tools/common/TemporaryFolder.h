// SPDX-License-Identifier: Apache-2.0
// A folder that goes with the object, for benchmarks and tests.
#pragma once

#include "runtime/base/Error.h"

#include <filesystem>
#include <mutex>
#include <set>
#include <stdlib.h>

namespace gfs {

/// Under TMPDIR, readable by this user only; removed with the object.
class TemporaryFolder {
public:
  /// Errors: OutputUnwritable.
  TemporaryFolder() {
    std::error_code failure;
    std::filesystem::path parent = std::filesystem::temp_directory_path(failure);
    std::string pattern = (parent / "gfs-XXXXXX").string();
    if (failure || !mkdtemp(pattern.data()))
      throw Error(ExitCode::OutputUnwritable, "cannot make a temporary folder", "check TMPDIR");
    folder = pattern;
    std::lock_guard lock(mutex);
    all.insert(folder);
  }
  ~TemporaryFolder() {
    remove(folder);
    std::lock_guard lock(mutex);
    all.erase(folder);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::filesystem::path &path() const { return folder; }
  std::filesystem::path operator/(const std::string &name) const { return folder / name; }

  /// For a process that ends without destructors; others may still be writing into them.
  static void removeAll() {
    std::lock_guard lock(mutex);
    for (const std::filesystem::path &each : all)
      remove(each);
  }

private:
  static void remove(const std::filesystem::path &folder) {
    constexpr int attempts = 5; // a file that comes meanwhile keeps its folder
    std::error_code ignored;
    for (int i = 0; i < attempts && std::filesystem::exists(folder, ignored); ++i)
      std::filesystem::remove_all(folder, ignored);
  }

  inline static std::mutex mutex; ///< Guards what follows.
  inline static std::set<std::filesystem::path> all;
  std::filesystem::path folder;
};

} // namespace gfs
