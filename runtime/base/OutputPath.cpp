// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/OutputPath.h"

#include "runtime/base/Error.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace gfs {

void requireWritable(const std::filesystem::path &output, const std::string &flag,
                     std::span<const std::filesystem::path> inputs) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  auto unwritable = [&](const std::string &cause) {
    return Error(ExitCode::OutputUnwritable, fmt::format("{} {}: {}", flag, output.string(), cause),
                 "name a file in a folder that exists and can be written");
  };
  if (fs::is_directory(output, ignored))
    throw unwritable("is a folder");
  const fs::path folder = output.has_parent_path() ? output.parent_path() : fs::path(".");
  if (!fs::is_directory(folder, ignored))
    throw unwritable("there is no such folder");
  // Files are replaced in place or by renaming; what is there must allow the one, else the folder
  // the other.
  const fs::path &decides = fs::exists(output, ignored) ? output : folder;
  if (::access(decides.c_str(), W_OK) != 0)
    throw unwritable(fmt::format("cannot be written: {}", std::strerror(errno)));
  for (const fs::path &input : inputs)
    if (!input.empty() && fs::equivalent(output, input, ignored))
      throw Error(
          ExitCode::Usage,
          fmt::format("{} {}: would replace a file that this command reads", flag, output.string()),
          "choose another name");
}

} // namespace gfs
