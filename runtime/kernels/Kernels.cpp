// SPDX-License-Identifier: Apache-2.0
// Chooses the kernel variant of this CPU, and owns the kernels' scratch memory.
#include "runtime/kernels/Kernels.h"

#include "runtime/base/CpuVariant.h"
#include "runtime/base/Secret.h"
#include "runtime/kernels/KernelVariants.h"
#if defined(__x86_64__)
#include "runtime/kernels/Amx.h"
#endif

#include <vector>

namespace gfs {

static const Kernels &variantKernels(CpuVariant variant) {
#if defined(__x86_64__)
  if (variant == CpuVariant::Avx2)
    return kernelsAvx2;
  if (variant == CpuVariant::Avx512)
    return kernelsAvx512;
  if (variant == CpuVariant::Amx) {
    // A matrix unit that fails its check is not used.
    static const Kernels amx = amxMultipliesRight() ? amxKernels() : kernelsAvx512;
    return amx;
  }
#endif
  return kernelsPortable;
}

const Kernels &bestKernels() {
  static const Kernels &best = variantKernels(selectedVariant());
  return best;
}

std::span<const Kernels *const> availableKernels() {
  static const std::vector<const Kernels *> available = [] {
    std::vector<const Kernels *> found;
    for (CpuVariant variant : supportedVariants())
      found.push_back(&variantKernels(variant));
    return found;
  }();
  return available;
}

void *kernelScratch(size_t bytes) {
  thread_local SecretVector<uint8_t> scratch;
  if (scratch.size() < bytes)
    scratch = SecretVector<uint8_t>(bytes);
  return scratch.data();
}

} // namespace gfs
