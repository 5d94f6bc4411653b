// SPDX-License-Identifier: Apache-2.0
// The implementations behind Aes.h; included by them and by their dispatcher only.
#pragma once

#include "runtime/crypto/Aes.h"

namespace gfs {

extern const AesImplementation aesPortable;
#if defined(__x86_64__)
extern const AesImplementation aesNi;
extern const AesImplementation aesVaes256;
extern const AesImplementation aesVaes512;
/// The key expansion is not worth wider registers: all x86 implementations share this one.
void expandKeyAesNi(const uint8_t key[16], uint8_t roundKeys[176]);
#endif

} // namespace gfs
