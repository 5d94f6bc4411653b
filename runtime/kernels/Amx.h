// SPDX-License-Identifier: Apache-2.0
// What the dispatcher needs of the AMX variant.
#pragma once

#include "runtime/kernels/Kernels.h"

namespace gfs {

/// Whether one small product comes out right. Only for CPUs and systems at level Amx, as is the
/// other.
bool amxMultipliesRight();

/// The AVX-512 kernels with convolutions on tiles.
Kernels amxKernels();

} // namespace gfs
