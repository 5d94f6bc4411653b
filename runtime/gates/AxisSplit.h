// SPDX-License-Identifier: Apache-2.0
// What gates that move elements along one axis need of a shape.
#pragma once

#include "runtime/plan/Plan.h"

#include <cstddef>
#include <cstdint>

namespace gfs {

/// Elements before, on and behind an axis.
struct AxisSplit {
  size_t outer = 1, size, inner = 1;
  AxisSplit(const plan::Value &value, uint32_t axis) : size(value.shape(static_cast<int>(axis))) {
    for (int d = 0; d < value.shape_size(); ++d)
      if (static_cast<uint32_t>(d) < axis)
        outer *= value.shape(d);
      else if (static_cast<uint32_t>(d) > axis)
        inner *= value.shape(d);
  }
};

} // namespace gfs
