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

/// Draws a seed and puts it, sealed by the party's key, into the header. The other fields of `info`
/// are bound to it.
SecretSeed drawSetSeed(MaterialInfo &info, const SecretSeed &partySeed);
/// The seed that drawSetSeed() drew; nothing if it was erased. `place` is named in errors:
/// Integrity (sealed by another key, or damaged).
std::optional<SecretSeed> openSetSeed(const MaterialInfo &info, const SecretSeed &partySeed,
                                      const std::string &place);

} // namespace gfs
