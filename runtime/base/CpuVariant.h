// SPDX-License-Identifier: Apache-2.0
// Which instruction set the kernels may use: found from CPUID, or demanded with GFS_KERNEL.
#pragma once

#include <optional>
#include <span>

namespace gfs {

/// Levels of instruction sets, each containing the ones before. Every level computes the same
/// bytes.
enum class CpuVariant {
  Portable, ///< Plain C++ for any CPU.
  Avx2,     ///< AVX2 and BMI2 (since 2013).
  Avx512,   ///< AVX-512 F, BW, DQ, VL, IFMA, VBMI, VBMI2, VNNI (Ice Lake, Zen 4 and later).
  Amx,      ///< AMX TILE and INT8 (Sapphire Rapids and later), granted by the system.
};

/// AES instructions, apart from the levels above: they came separately.
struct AesFeatures {
  bool aes = false;  ///< AES-NI on 128-bit registers.
  bool vaes = false; ///< VAES on wider registers.
};

/// "portable", "avx2", "avx512", "amx".
const char *variantName(CpuVariant variant);

/// The levels this CPU and operating system support, ascending; Portable is always the first.
std::span<const CpuVariant> supportedVariants();
AesFeatures supportedAes();

/// The level GFS_KERNEL names, or nothing when it is unset or empty.
/// Throws Usage if it names no level, or one this CPU does not support.
std::optional<CpuVariant> requestedVariant();

/// The requested level, or else the highest supported one.
CpuVariant selectedVariant();

} // namespace gfs
