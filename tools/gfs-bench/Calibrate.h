// SPDX-License-Identifier: Apache-2.0
// Measures what the time model needs to know of a machine.
#pragma once

#include "runtime/cost/MachineProfile.h"

namespace gfs {

/// Runs gates of every kind on two threads, as the two servers of a machine, and exchanges over
/// memory and over loopback with and without TLS. Takes about ten seconds; figures are medians.
MachineProfile calibrateMachine();

/// The processor's name, as the system has it.
std::string cpuName();

} // namespace gfs
