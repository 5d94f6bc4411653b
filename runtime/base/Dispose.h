// SPDX-License-Identifier: Apache-2.0
// Giving back the memory of secrets before their owner ends.
#pragma once

#include "runtime/base/Secret.h"

namespace gfs {

/// Wipes and frees what `vector` holds. (`vector = {}` means an empty list, which keeps the memory
/// and what is in it.)
template <class T> void dispose(SecretVector<T> &vector) { SecretVector<T>().swap(vector); }

} // namespace gfs
