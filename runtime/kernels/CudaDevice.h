// SPDX-License-Identifier: Apache-2.0
// Where kernels run: this CPU, or a GPU through libgfs-cuda.so.
#pragma once

#include "runtime/kernels/Kernels.h"

#include <string>
#include <string_view>

namespace gfs {

struct ComputeDevice {
  const Kernels *kernels;
  std::string text; ///< For people: "cpu (avx512)", "cuda:0 (NVIDIA H200, …)".
  bool isGpu = false;
  uint64_t freeMemory = 0; ///< Of a GPU, in bytes, when it was opened.
};

/// `choice`: "cpu"; "cuda" or "cuda:N", GPU N (default 0); "auto", GPU 0 if there is a usable one
/// and else the CPU, with the reason in `text`. GPUs: compute capability 8.0 or later. The library
/// is lib/libgfs-cuda.so beside the program's folder, or the file GFS_CUDA_LIBRARY names. One GPU
/// per process. Errors: Usage (another choice, another GPU than before), Device (no library, driver
/// or such GPU; later, from the kernels: the GPU failed or ran out of memory).
ComputeDevice openDevice(std::string_view choice);

/// Bytes of device memory of one convolution: its packed weights, input and output words, and
/// limbs.
struct DeviceBytes {
  uint64_t weights = 0, input = 0, limbs = 0, output = 0;
};
DeviceBytes deviceBytes(const ConvShape &shape, unsigned wordBytes);

} // namespace gfs
