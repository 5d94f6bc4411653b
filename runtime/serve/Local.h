// SPDX-License-Identifier: Apache-2.0
// Both servers and the dealer in one process: what gfsrun --local does.
#pragma once

#include "runtime/cost/TimeModel.h"
#include "runtime/serve/Summary.h"

#include <stop_token>

namespace gfs::serve {

struct LocalOptions {
  unsigned repeat = 1;   ///< How often every request of the workload runs.
  unsigned warmUp = 0;   ///< Passes before, that are not counted.
  uint64_t together = 1; ///< Inferences in one pass; the last one has what is left.
  std::optional<NetworkProfile> throttle = {};         ///< The network to imitate.
  MachineProfile machine = MachineProfile::standard(); ///< What predictions are made from.
  std::string device = "cpu"; ///< For both servers and the dealer; see openDevice().
  unsigned threads = 1;       ///< Of each server.
  bool timeSteps = false;     ///< See PartyExecutor::timeSteps().
  std::stop_token stop = {};  ///< Asked before every pass.
};

struct LocalReport {
  std::vector<RequestCost> costs;   ///< By inference; times at the servers are of its pass.
  std::vector<StepProfile> profile; ///< Averages over passes.
  TimePrediction predicted;         ///< For these machine and network, between threads.
  std::string device;               ///< Where it ran, and with how much memory of a GPU.
  double loadSeconds = 0; ///< Reading weights and keys, packing the weights of both servers.
};

/// Runs the requests of the workload, each with freshly dealt material. `weights` and `dealerKey`
/// are files of this plan. Errors: those of their readers, of Workload and of openDevice(); Failure
/// after a stop request.
LocalReport runLocally(const plan::LoadedPlan &plan, const std::filesystem::path &weights,
                       const std::filesystem::path &dealerKey, Workload &workload,
                       const LocalOptions &options);

} // namespace gfs::serve
