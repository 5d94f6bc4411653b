// SPDX-License-Identifier: Apache-2.0
// A libgfs-cuda.so without a GPU: the same table of functions over the same kernels, on the CPU.
#include "runtime/kernels/cuda/LibraryTable.h"
#include "test/unit/cuda/HostBackend.h"

extern "C" const gfs::cuda::Library *gfsCudaLibrary() {
  static constexpr gfs::cuda::Library library =
      gfs::cuda::LibraryTable<gfs::cuda::HostBackend>::make();
  return &library;
}
