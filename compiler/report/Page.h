// SPDX-License-Identifier: Apache-2.0
// The parts of the report's page, compiled in.
#pragma once

#include <string_view>

namespace gfs::page {

/// Holds the places {{style}}, {{script}} and {{data}}.
extern const std::string_view markup;
extern const std::string_view style, script;

} // namespace gfs::page
