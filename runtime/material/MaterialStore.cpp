// SPDX-License-Identifier: Apache-2.0
#include "runtime/material/MaterialStore.h"

#include "runtime/base/Error.h"

namespace gfs {

SecretVector<uint8_t> MaterialStore::read(uint64_t serial) const {
  if (serial < ledger.cursor())
    throw Error(ExitCode::MaterialReuse,
                fmt::format("serial {} of the material was used already", serial),
                "material is good for one inference only");
  return reader.read(serial);
}

void MaterialStore::claim(uint64_t serial) {
  uint64_t from = ledger.cursor();
  ledger.claim(serial);
  reader.erase(from, serial + 1);
}

} // namespace gfs
