// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels on a CPU, through the library that emulates a GPU and the loader of the product.
#pragma once

#include "runtime/kernels/CudaDevice.h"
#include "runtime/kernels/GpuHostArrays.h"

#include <cstdlib>
#include <vector>

namespace gfs {

/// The kernels of "--device cuda" with libgfs-cuda-emulated.so in the place of libgfs-cuda.so; or
/// on a GPU, if GFS_CUDA_LIBRARY names the real one (test/gpu/run.sh).
inline std::vector<const Kernels *> emulatedCudaVariants() {
  setenv("GFS_CUDA_LIBRARY", GFS_EMULATED_CUDA_LIBRARY, 0);
  return {openDevice("cuda").kernels};
}
/// Likewise, element-wise kernels included.
inline std::vector<const Kernels *> emulatedCudaEverything() {
  emulatedCudaVariants();
  return {&gpu::everyKernel()};
}

} // namespace gfs
