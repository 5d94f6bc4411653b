// SPDX-License-Identifier: Apache-2.0
// Where logs go and how they look.
#pragma once

#include <string>

namespace gfs::serve {

/// Sends logs to stderr, as text or as one JSON object a line. `level`: trace, debug, info, warn,
/// error, off. Throws Usage for another level.
void setUpLogging(const std::string &level, bool json);

} // namespace gfs::serve
