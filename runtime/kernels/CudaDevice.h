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

/// Also the element-wise kernels on the GPU that was opened, each call copying its arrays there and
/// back: for checks. Copies take longer than the CPU's own loops, so openDevice() does not use
/// them.
const Kernels &everyKernelOnGpu();

/// Likewise, blocks of an AES-128-CTR stream; see AesImplementation::counterMode.
void counterModeOnGpu(const uint8_t roundKeys[176], uint64_t nonce, uint64_t firstBlock,
                      uint8_t *out, size_t count);

/// Bytes of device memory of one convolution: its packed weights, input and output words, and
/// limbs.
struct DeviceBytes {
  uint64_t weights = 0, input = 0, limbs = 0, output = 0;
};
DeviceBytes deviceBytes(const ConvShape &shape, unsigned wordBytes);

} // namespace gfs
