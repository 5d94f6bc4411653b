// SPDX-License-Identifier: Apache-2.0
// Looks at an output file before any work is done for it.
#pragma once

#include <filesystem>
#include <span>
#include <string>

namespace gfs {

/// Refuses an output that could not be written once the work is done, or that would replace one of
/// the files the work begins with. `flag` names it in messages; `inputs` may be empty paths or name
/// nothing. Throws OutputUnwritable (no such folder, not writable, a folder itself) or Usage
/// (replaces an input).
void requireWritable(const std::filesystem::path &output, const std::string &flag,
                     std::span<const std::filesystem::path> inputs);

} // namespace gfs
