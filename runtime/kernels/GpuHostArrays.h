// SPDX-License-Identifier: Apache-2.0
// The kernel interface with arrays in host memory and work on the GPU: every call copies its
// operands there and its result back.
#pragma once

#include "runtime/kernels/Gpu.h"

namespace gfs::gpu {

/// Convolutions on the GPU, all else on the CPU: for the dealer, and for plans with gates that have
/// no form for a GPU.
const Kernels &convolutionKernels();
/// Whether `kernels` are those.
bool onGpu(const Kernels &kernels);
/// The weights that packWeights of these kernels left in `packed`.
const ConvWeights &weightsOf(const void *packed);

/// Also the element-wise kernels: for checks. Copies take longer than the CPU's own loops.
const Kernels &everyKernel();
/// Likewise, blocks of an AES-128-CTR stream; see AesImplementation::counterMode.
void counterMode(const uint8_t roundKeys[176], uint64_t nonce, uint64_t firstBlock, uint8_t *out,
                 size_t count);

} // namespace gfs::gpu
