// SPDX-License-Identifier: Apache-2.0
// Evaluates the phases of a chain (Program.h) range by range, on several threads.
#pragma once

#include "runtime/base/ThreadPool.h"
#include "runtime/exec/Program.h"

namespace gfs {

/// One phase of one request, ready to be evaluated.
struct ChainLink {
  const Gate &gate;
  unsigned phase;
  EvaluateContext &context;
  const Cost &cost;
  double &seconds; ///< The phase's part of the time is added here.
};

/// How work is divided. What is computed does not depend on it.
struct Division {
  ThreadPool &pool;
  /// Whether layers are divided, too: not where a device does them as a whole.
  bool layers = true;
};

/// Calls body(range) for ranges that make up [0, units), one for each thread.
void divide(uint64_t units, ThreadPool &pool, const std::function<void(Range)> &body);

/// Does all units of all links. Links behind the first are elementwise and have equally many units;
/// so has the first, if it is elementwise.
void evaluateChain(std::span<const ChainLink> links, const Division &division);

} // namespace gfs
