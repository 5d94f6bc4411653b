// SPDX-License-Identifier: Apache-2.0
#include "compiler/evaluate/Workers.h"

#include "compiler/evaluate/OpenMp.h"

#include <algorithm>

namespace gfs {

ThreadPool &workers() {
  static ThreadPool pool(availableProcessors());
  return pool;
}

void forEachPart(size_t count, const std::function<void(size_t, size_t)> &body) {
  const size_t parts = std::min<size_t>(workers().threads(), count);
  if (parts <= 1) {
    if (count > 0)
      body(0, count);
    return;
  }
  workers().run(parts, [&](uint64_t part) {
    const LayersInThisThread alone;
    const size_t first = part * count / parts, end = (part + 1) * count / parts;
    body(first, end - first);
  });
}

} // namespace gfs
