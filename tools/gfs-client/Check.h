// SPDX-License-Identifier: Apache-2.0
// gfs-client check: is a deployment ready?
#pragma once

#include "runtime/serve/Client.h"

namespace gfs {

/// Greets both servers, whatever is wrong with either, and prints one line for each and, for what
/// is wrong, why and what to do. Then throws an error with the code of the first that was met;
/// Network if both are well but not linked to each other, MaterialExhausted if there is no material
/// left for an inference.
void checkServers(const plan::LoadedPlan &plan, const serve::ClientOptions &options);

} // namespace gfs
