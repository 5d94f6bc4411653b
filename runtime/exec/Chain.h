// SPDX-License-Identifier: Apache-2.0
// Evaluates the phases of a chain (Program.h) range by range, on several threads, while messages
// travel.
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

/// Where the messages of a chain come from and go to. Called by the thread that evaluates the
/// chain.
class MessageFlow {
public:
  virtual ~MessageFlow() = default;
  /// Waits for what units [0, units) of link `link` read.
  virtual void await(size_t link, uint64_t units) = 0;
  /// Units [0, units) of link `link` are done: what they wrote may be sent.
  virtual void done(size_t link, uint64_t units) = 0;
};

/// How work is divided. What is computed does not depend on it.
struct Division {
  ThreadPool &pool;
  /// Whether layers are divided, too: not where a device does them as a whole.
  bool layers = true;
};

/// Calls body(range) for ranges that make up `units`, one for each thread.
void divide(Range units, ThreadPool &pool, const std::function<void(Range)> &body);

/// Does all units of all links. Links behind the first are elementwise and have equally many units;
/// so has the first, if it is elementwise.
void evaluateChain(std::span<const ChainLink> links, const Division &division, MessageFlow &flow);

} // namespace gfs
