// SPDX-License-Identifier: Apache-2.0
// What a benchmark of whole networks prints.
#pragma once

#include "tools/gfs-bench/NetworkRun.h"

namespace gfs {

/// The machine, and how the measuring is done.
std::string benchmarkHeader(const NetworkOptions &options);
/// A table for people; `layers`: also one line for each step.
/// With several inferences in a pass, times are of the pass and "each" is one's part.
std::string networkText(const NetworkResult &result, bool layers);
/// All results, for programs; the schema is in docs/benchmarks.md.
std::string networksJson(std::span<const NetworkResult> results, const NetworkOptions &options);

} // namespace gfs
