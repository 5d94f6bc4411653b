// SPDX-License-Identifier: Apache-2.0
// Chooses the AES implementation of this CPU.
#include "runtime/crypto/Aes.h"

#include "runtime/base/CpuVariant.h"
#include "runtime/crypto/AesVariants.h"

#include <vector>

namespace gfs {

std::span<const AesImplementation *const> availableAes() {
  static const std::vector<const AesImplementation *> available = [] {
    std::vector<const AesImplementation *> found = {&aesPortable};
#if defined(__x86_64__)
    auto [aes, vaes] = supportedAes();
    CpuVariant widest = supportedVariants().back();
    if (aes)
      found.push_back(&aesNi);
    if (aes && vaes && widest >= CpuVariant::Avx2)
      found.push_back(&aesVaes256);
    if (aes && vaes && widest >= CpuVariant::Avx512)
      found.push_back(&aesVaes512);
#endif
    return found;
  }();
  return available;
}

static const AesImplementation &chooseAes() {
  auto available = availableAes();
  const AesImplementation *best = available.back();
#if defined(__x86_64__)
  if (auto requested = requestedVariant()) {
    if (*requested == CpuVariant::Portable)
      best = &aesPortable;
    else if (*requested == CpuVariant::Avx2 && best == &aesVaes512)
      best = &aesVaes256;
  }
#endif
  return *best;
}

const AesImplementation &bestAes() {
  static const AesImplementation &best = chooseAes();
  return best;
}

} // namespace gfs
