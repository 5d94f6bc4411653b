// SPDX-License-Identifier: Apache-2.0
// gfs-bench network: flags, compilation, report.
#pragma once

namespace gfs {

/// `argv` begins with the tool's name and "network". Returns the exit code.
int benchmarkNetworks(int argc, char **argv);

} // namespace gfs
