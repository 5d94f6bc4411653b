// SPDX-License-Identifier: Apache-2.0
#include "runtime/material/MaterialStore.h"

#include "runtime/base/Error.h"

namespace gfs {

MaterialStore::MaterialStore(const std::filesystem::path &path, const SecretSeed &partySeed,
                             const std::filesystem::path &ledgerFile)
    : reader(path, partySeed),
      ledger(ledgerFile.empty() ? ledgerPath(path) : ledgerFile, reader.info(),
             reader.info().records == 0 || !reader.erased(reader.info().firstSerial)),
      erasedTo(reader.info().firstSerial) {
  if (!setSeed() && left() > 0)
    throw seedErased(path);
  eraseClaimed();
}

void MaterialStore::requireUnused(uint64_t serial) const {
  ledger.requireSound();
  if (serial < ledger.cursor())
    throw Error(ExitCode::MaterialReuse,
                fmt::format("serial {} of the material was used already", serial),
                "material is good for one inference only");
  reader.requireHeld(serial);
}

void MaterialStore::claim(uint64_t serial) { ledger.claim(serial); }

void MaterialStore::tidy() {
  eraseClaimed();
  ledger.reserve();
}

void MaterialStore::eraseClaimed() noexcept {
  reader.erase(erasedTo, ledger.cursor());
  if (erasedTo < ledger.cursor() && ledger.cursor() == info().endSerial())
    reader.eraseSeed();
  erasedTo = ledger.cursor();
}

} // namespace gfs
