// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/CpuVariant.h"
#include "test/unit/kernels/EmulatedTiles.h"

namespace gfs {

std::vector<const Kernels *> emulatedTileVariants() {
#if defined(__x86_64__)
  if (supportedVariants().back() >= CpuVariant::Avx512)
    return emulatedTileKernels();
#endif
  return {};
}

} // namespace gfs
