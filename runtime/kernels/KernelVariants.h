// SPDX-License-Identifier: Apache-2.0
// The variants behind Kernels.h; included by them and by their dispatcher only.
//
// A variant's file is compiled for a newer CPU than the rest of the program. Everything it defines
// must have internal linkage, and it must not instantiate templates of the standard library: the
// linker keeps one copy of an inline function, and if it kept the one compiled for the newer CPU,
// older CPUs would crash elsewhere.
#pragma once

#include "runtime/kernels/Kernels.h"

namespace gfs {

extern const Kernels kernelsPortable;
#if defined(__x86_64__)
extern const Kernels kernelsAvx2;
extern const Kernels kernelsAvx512;
#endif

/// At least `bytes` of 64-byte aligned storage of this thread, valid until its next call on this
/// thread. Wiped when the thread ends; kernels leave operands (masked values and shares) in it.
void *kernelScratch(size_t bytes);

} // namespace gfs
