// SPDX-License-Identifier: Apache-2.0
// Reading a whole file into wiped memory.
#pragma once

#include "runtime/base/Secret.h"

#include <filesystem>

namespace gfs::plan {

/// Errors: InputUnreadable, with the system's reason.
SecretVector<uint8_t> readWholeFile(const std::filesystem::path &path);

} // namespace gfs::plan
