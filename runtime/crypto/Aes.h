// SPDX-License-Identifier: Apache-2.0
// The AES primitives every implementation offers; Prg and the comparison functions are built on
// these alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gfs {

/// One implementation of AES-128 (FIPS 197). None has a table, a branch or an address that depends
/// on a key or on data. Round keys are the 176 bytes of the FIPS 197 key expansion; blocks are 16
/// bytes.
struct AesImplementation {
  const char *name; ///< "portable", "aes-ni", "vaes-256", "vaes-512".
  void (*expandKey)(const uint8_t key[16], uint8_t roundKeys[176]);
  /// out block j = AES(nonce (8 bytes LE) || firstBlock + j (8 bytes LE)), j < count. The counter
  /// wraps.
  void (*counterMode)(const uint8_t roundKeys[176], uint64_t nonce, uint64_t firstBlock,
                      uint8_t *out, size_t count);
  /// out block j = AES(in block j); in place allowed.
  void (*encrypt)(const uint8_t roundKeys[176], const uint8_t *in, uint8_t *out, size_t count);
};

/// The best implementation for this CPU; GFS_KERNEL=portable|avx2|avx512 caps the register width.
/// Throws Usage as requestedVariant() does.
const AesImplementation &bestAes();
/// Every implementation this CPU can run, portable first; tests run on each.
std::span<const AesImplementation *const> availableAes();

} // namespace gfs
