// SPDX-License-Identifier: Apache-2.0
// All inferences of a workload, several requests at the same time.
#pragma once

#include "runtime/serve/Client.h"
#include "runtime/serve/Summary.h"

namespace gfs::serve {

/// What one inference cost, by the answer that the client got.
inline RequestCost costOf(const Answer &answer) {
  return {answer.stats, answer.totalMs, 0, answer.bytesSent + answer.bytesReceived};
}

/// How a client hands in many inferences.
struct Pace {
  uint64_t together = 1; ///< Inferences in one request; no more than both servers take.
  unsigned inFlight = 1; ///< Requests at the same time, each on connections of its own.
};

struct InferredAll {
  std::vector<RequestCost> costs; ///< By inference.
  double seconds = 0;             ///< From the first request to the last answer; not connecting.
};

/// Infers the workload and sets its outputs. `progress(inferences done, client's bytes)` is called
/// by one thread at a time. Errors: those of Client; MaterialExhausted if the servers have less
/// material than the workload needs, before any is used. The first error ends the requests that
/// have not begun.
InferredAll inferAll(const plan::LoadedPlan &plan, const ClientOptions &options, Workload &workload,
                     const Pace &pace, const std::function<void(uint64_t, uint64_t)> &progress);

} // namespace gfs::serve
