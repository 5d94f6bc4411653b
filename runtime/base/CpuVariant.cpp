// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/CpuVariant.h"

#include "runtime/base/Error.h"

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace gfs {

#if defined(__x86_64__)
// __builtin_cpu_supports also asks the operating system (XCR0) whether it saves the wide registers.
static bool hasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"); }

static bool hasAvx512() {
  return hasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi") &&
         __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vnni");
}

/// Linux gives a process the 8 KB of tile registers when it asks for them.
static bool hasAmx() {
#if defined(__linux__)
  constexpr long requestPermission = 0x1023, tileData = 18; // ARCH_REQ_XCOMP_PERM, XTILEDATA
  return hasAvx512() && __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-int8") &&
         syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
#else
  return false;
#endif
}

AesFeatures supportedAes() {
  return {.aes = static_cast<bool>(__builtin_cpu_supports("aes")),
          .vaes = static_cast<bool>(__builtin_cpu_supports("vaes"))};
}
#else
static bool hasAvx2() { return false; }
static bool hasAvx512() { return false; }
static bool hasAmx() { return false; }
AesFeatures supportedAes() { return {}; }
#endif

const char *variantName(CpuVariant variant) {
  switch (variant) {
  case CpuVariant::Portable:
    return "portable";
  case CpuVariant::Avx2:
    return "avx2";
  case CpuVariant::Avx512:
    return "avx512";
  case CpuVariant::Amx:
    return "amx";
  }
  return "unknown";
}

std::span<const CpuVariant> supportedVariants() {
  static const std::vector<CpuVariant> supported = [] {
    std::vector<CpuVariant> found = {CpuVariant::Portable};
    if (hasAvx2())
      found.push_back(CpuVariant::Avx2);
    if (hasAvx512())
      found.push_back(CpuVariant::Avx512);
    if (hasAmx())
      found.push_back(CpuVariant::Amx);
    return found;
  }();
  return supported;
}

std::optional<CpuVariant> requestedVariant() {
  const char *value = std::getenv("GFS_KERNEL");
  if (!value || !*value)
    return std::nullopt;
  for (CpuVariant variant :
       {CpuVariant::Portable, CpuVariant::Avx2, CpuVariant::Avx512, CpuVariant::Amx}) {
    if (std::string_view(value) != variantName(variant))
      continue;
    for (CpuVariant supported : supportedVariants())
      if (supported == variant)
        return variant;
    throw Error(ExitCode::Usage, fmt::format("GFS_KERNEL: this CPU does not support '{}'", value),
                "unset GFS_KERNEL to use the best variant of this CPU");
  }
  throw Error(ExitCode::Usage, fmt::format("GFS_KERNEL: unknown kernel variant '{}'", value),
              "use one of portable, avx2, avx512, amx, or unset it");
}

CpuVariant selectedVariant() {
  if (auto requested = requestedVariant())
    return *requested;
  return supportedVariants().back();
}

} // namespace gfs
