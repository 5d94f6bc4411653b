// SPDX-License-Identifier: Apache-2.0
// Which elements of an output the client's post-processing works on, and what shape it leaves.
#pragma once

#include "runtime/plan/Plan.h"

#include <span>
#include <vector>

namespace gfs::plan {

/// TOP and BOTTOM: takes several elements of each row.
bool selects(const Port &port);

/// The axis that a port's post-processing works along, of a value of that shape: the one it states,
/// or the last one longer than 1 (the last of all if none is).
size_t postProcessAxis(const Port &port, std::span<const uint64_t> shape);

/// The shape after post-processing: ARGMAX removes the axis, TOP and BOTTOM shorten it.
std::vector<uint64_t> postProcessShape(const Port &port, std::vector<uint64_t> shape);

} // namespace gfs::plan
