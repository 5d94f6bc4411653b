// SPDX-License-Identifier: Apache-2.0
// A libgfs-cuda.so of another version of GFS; and, without the function, no such library at all.
#include "runtime/kernels/cuda/CudaLibrary.h"

#ifndef GFS_UNRELATED
extern "C" const gfs::cuda::Library *gfsCudaLibrary() {
  static const gfs::cuda::Library library = [] {
    gfs::cuda::Library other{};
    other.version = gfs::cuda::Library::currentVersion + 1;
    return other;
  }();
  return &library;
}
#endif
