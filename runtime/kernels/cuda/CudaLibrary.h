// SPDX-License-Identifier: Apache-2.0
// What libgfs-cuda.so offers: a table of C functions, so that the program neither links CUDA nor
// shares exceptions with it. Loaded by runtime/kernels/CudaDevice.cpp.
#pragma once

#include "runtime/kernels/Kernels.h"

namespace gfs::cuda {

enum class Status : int {
  Ok = 0,
  DeviceFailed = 1, ///< lastError() says what.
  WrongWeights = 2, ///< Weights were packed for another shape: a bug of the caller.
};

struct DeviceDescription {
  char name[256];
  int major, minor; ///< Compute capability.
  uint64_t totalMemory, freeMemory;
};

/// Arrays are in host memory. `weights` is what makeWeights returned: device memory.
template <class Word> struct RingFunctions {
  Status (*makeWeights)(const ConvShape &shape, const Word *weight, void **weights);
  Status (*convolve)(const ConvShape &shape, const Word *input, const void *weights, Word *output);
  // Element-wise kernels as in RingKernels; their arrays are copied to the device and back.
  Status (*pack)(unsigned bits, const Word *in, size_t n, uint8_t *out);
  Status (*unpack)(unsigned bits, const uint8_t *in, size_t n, Word *out);
  Status (*maskAndPack)(unsigned bits, const Word *share, const Word *maskShare, size_t n,
                        uint8_t *out);
  Status (*unpackAndOpen)(unsigned bits, const Word *share, const Word *maskShare,
                          const uint8_t *peer, size_t n, Word *masked);
  Status (*tableLookup)(WindowShape window, unsigned ringBits, const Word *masked,
                        const uint8_t *tables, size_t n, uint8_t *out);
  Status (*truncate)(RescaleShape shape, bool addsPublic, const Word *masked,
                     const TruncateShares<Word> &shares, size_t n, Word *out);
  Status (*square)(RescaleShape shape, bool addsPublic, const Word *masked,
                   const SquareShares<Word> &shares, size_t n, Word *out);
  Status (*reluSelect)(RescaleShape shape, bool addsPublic, const Word *masked, const uint8_t *g,
                       const ReluShares<Word> &shares, size_t n, Word *out);
};

/// Functions may be called from any thread; calls at the same time use streams and scratch memory
/// of their own.
struct Library {
  static constexpr uint32_t currentVersion = 2;
  uint32_t version;
  /// DeviceFailed if there is no driver.
  Status (*countDevices)(int *count);
  Status (*describe)(int device, DeviceDescription *description);
  /// The device all later calls use.
  void (*select)(int device);
  RingFunctions<uint32_t> words32;
  RingFunctions<uint64_t> words64;
  void (*releaseWeights)(void *weights);
  /// As AesImplementation::counterMode.
  Status (*counterMode)(const uint8_t roundKeys[176], uint64_t nonce, uint64_t firstBlock,
                        uint8_t *out, size_t count);
  /// Of this thread's latest failure.
  const char *(*lastError)();
};

} // namespace gfs::cuda

/// The only exported symbol.
extern "C" const gfs::cuda::Library *gfsCudaLibrary();
