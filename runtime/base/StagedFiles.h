// SPDX-License-Identifier: Apache-2.0
// Files that belong together, written so that a failure leaves those that were there as they were.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace gfs {

/// Writes each file beside its name, and gives all of them their names once the last one is on the
/// disk. What has not been committed is removed with the object.
class StagedFiles {
public:
  StagedFiles() = default;
  ~StagedFiles();
  StagedFiles(const StagedFiles &) = delete;
  StagedFiles &operator=(const StagedFiles &) = delete;

  /// Writes the pieces, one behind the other, and syncs them. A secret file has mode 0600 from the
  /// moment it exists. Errors: OutputUnwritable, also for what exists and is no regular file.
  void add(const std::filesystem::path &path,
           std::initializer_list<std::span<const uint8_t>> pieces, bool secret);

  /// Renames in the order of add(), replacing what is there: put last what makes the others valid.
  /// Errors: OutputUnwritable.
  void commit();

private:
  std::vector<std::filesystem::path> paths; ///< Not renamed yet.
};

/// Makes `text` the contents of a file, whole or not at all. What exists and is no regular file (a
/// pipe, /dev/stdout) is written to; a symbolic link, where it leads. Errors: OutputUnwritable.
void writeFile(const std::filesystem::path &path, std::string_view text);

} // namespace gfs
