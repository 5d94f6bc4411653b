// SPDX-License-Identifier: Apache-2.0
// The kernels of a CPU with a matrix unit, with the unit emulated.
#pragma once

#include "runtime/kernels/Kernels.h"

#include <vector>

namespace gfs {

/// One variant, "emulated_tiles", whose convolutions with packed weights are TileConv on tiles in
/// C++; none without AVX-512, which packing and folding need.
std::vector<const Kernels *> emulatedTileVariants();

/// The variant; call on a CPU with AVX-512 only.
const Kernels *emulatedTileKernels();

} // namespace gfs
