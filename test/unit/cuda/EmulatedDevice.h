// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels on a CPU, through the library that emulates a GPU and the loader of the product.
#pragma once

#include "runtime/kernels/CudaDevice.h"

#include <cstdlib>
#include <vector>

namespace gfs {

/// The kernels of "--device cuda" with libgfs-cuda-emulated.so in the place of libgfs-cuda.so.
inline std::vector<const Kernels *> emulatedCudaVariants() {
  setenv("GFS_CUDA_LIBRARY", GFS_EMULATED_CUDA_LIBRARY, 1);
  return {openDevice("cuda").kernels};
}

} // namespace gfs
