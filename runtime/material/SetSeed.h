// SPDX-License-Identifier: Apache-2.0
// The seed of one server's half of one set of material: masks, shares and the keys of records come
// from it, and not from the key that the server has for as long as it runs the plan.
//
// So old traffic stays closed: when both servers have used a set up and erased its seeds, and the
// dealer has forgotten them, nobody who gets all long-lived keys later can unmask what the set
// masked.
#pragma once

#include "runtime/base/Secret.h"
#include "runtime/material/MaterialInfo.h"

#include <optional>

namespace gfs {

/// Draws the seeds of both halves of a new set and makes the set's id from them: halves that were
/// not dealt together never have the same. Each seed is put, sealed by its party's key, into its
/// header, whose other fields are bound to it.
std::array<SecretSeed, 2> drawSetSeeds(std::array<MaterialInfo, 2> &halves,
                                       const std::array<SecretSeed, 2> &partySeeds);
/// The seed of a half that drawSetSeeds() drew; nothing if it was erased. `place` is named in
/// errors: Integrity (sealed by another key, damaged, or the set's id is not made from it).
std::optional<SecretSeed> openSetSeed(const MaterialInfo &info, const SecretSeed &partySeed,
                                      const std::string &place);

} // namespace gfs
