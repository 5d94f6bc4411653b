// SPDX-License-Identifier: Apache-2.0
// The processors, for work on many samples.
#pragma once

#include "runtime/base/ThreadPool.h"

namespace gfs {

/// The compiler's threads, one for each processor that the process may use.
ThreadPool &workers();

/// Calls body(first, some) for consecutive parts of `count` samples, one for each worker, at the
/// same time; layers then run in the thread that calls them. What a part computes must not depend
/// on how samples are divided.
void forEachPart(size_t count, const std::function<void(size_t first, size_t some)> &body);

/// Calls body(0), ..., body(count - 1) in such parts.
template <typename Body> void forEachOf(size_t count, const Body &body) {
  forEachPart(count, [&](size_t first, size_t some) {
    for (size_t i = first; i < first + some; ++i)
      body(i);
  });
}

} // namespace gfs
