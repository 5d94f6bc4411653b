// SPDX-License-Identifier: Apache-2.0
// Records in one piece, as tests compare them.
#pragma once

#include "runtime/material/MaterialStore.h"

#include <array>

namespace gfs::testing {

inline SecretVector<uint8_t> readRecord(const MaterialReader &reader, uint64_t serial) {
  return std::move(reader.read(serial, std::array{reader.info().payloadBytes}).front());
}

/// One that is about to be used.
inline SecretVector<uint8_t> readRecord(const MaterialStore &store, uint64_t serial) {
  store.requireUnused(serial);
  return std::move(store.readAhead(serial, std::array{store.info().payloadBytes}).front());
}

} // namespace gfs::testing
