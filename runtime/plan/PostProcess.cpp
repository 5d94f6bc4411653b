// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan/PostProcess.h"

namespace gfs::plan {

size_t postProcessAxis(const Port &port, std::span<const uint64_t> shape) {
  if (port.has_post_axis())
    return port.post_axis();
  for (size_t axis = shape.size(); axis-- > 0;)
    if (shape[axis] > 1)
      return axis;
  return shape.empty() ? 0 : shape.size() - 1;
}

bool selects(const Port &port) {
  return port.post_process() >= Port::TOP_VALUES && port.post_process() <= Port::BOTTOM_INDICES;
}

std::vector<uint64_t> postProcessShape(const Port &port, std::vector<uint64_t> shape) {
  if (shape.empty())
    return shape;
  const size_t axis = postProcessAxis(port, shape);
  if (port.post_process() == Port::ARGMAX || port.post_process() == Port::ARGMAX_LAST)
    shape.erase(shape.begin() + static_cast<ptrdiff_t>(axis));
  else if (selects(port))
    shape[axis] = port.post_count();
  return shape;
}

} // namespace gfs::plan
