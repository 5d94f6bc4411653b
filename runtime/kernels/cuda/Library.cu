// SPDX-License-Identifier: Apache-2.0
// libgfs-cuda.so: CudaLibrary.h on a GPU.
#include "runtime/kernels/cuda/Device.cuh"
#include "runtime/kernels/cuda/LibraryTable.h"

extern "C" __attribute__((visibility("default"))) const gfs::cuda::Library *gfsCudaLibrary() {
  static constexpr gfs::cuda::Library library = gfs::cuda::LibraryTable<gfs::cuda::Device>::make();
  return &library;
}
