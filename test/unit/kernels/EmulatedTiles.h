// SPDX-License-Identifier: Apache-2.0
// The kernels of a CPU with a matrix unit, with the unit emulated.
#pragma once

#include "runtime/kernels/Kernels.h"

#include <vector>

namespace gfs {

/// Variants whose convolutions with packed weights are those of tiles in C++: "emulated_tiles"
/// chooses as the real unit's does, the others always go one way. None without AVX-512, which
/// packing and folding need.
std::vector<const Kernels *> emulatedTileVariants();

/// The variants; call on a CPU with AVX-512 only.
std::vector<const Kernels *> emulatedTileKernels();

} // namespace gfs
