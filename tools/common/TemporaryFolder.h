// SPDX-License-Identifier: Apache-2.0
// A folder that goes with the object, for benchmarks and tests.
#pragma once

#include "runtime/base/Error.h"

#include <filesystem>
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
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::filesystem::path &path() const { return folder; }
  std::filesystem::path operator/(const std::string &name) const { return folder / name; }

private:
  std::filesystem::path folder;
};

} // namespace gfs
