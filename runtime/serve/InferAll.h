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
  /// How long a request whose connection was lost is tried again, with new shares and, if the
  /// servers had begun, new material; 0: not at all.
  Milliseconds retryFor{0};
};

/// What a caller hears of a run, from one thread at a time.
struct InferEvents {
  std::function<void(uint64_t done, uint64_t clientBytes)> progress;
  std::function<void(const Error &)> lost; ///< A connection, for the first time since an answer.
};

struct InferredAll {
  std::vector<RequestCost> costs; ///< By inference.
  double seconds = 0;             ///< From the first request to the last answer; not connecting.
};

/// Infers the workload and sets its outputs. Errors: those of Client; MaterialExhausted if the
/// servers have less material than the workload needs, before any is used; Failure after a stop
/// request. The first error ends the requests that have not begun; Workload::answered() tells
/// what was done until then.
InferredAll inferAll(const plan::LoadedPlan &plan, const ClientOptions &options, Workload &workload,
                     const Pace &pace, const InferEvents &events);

} // namespace gfs::serve
