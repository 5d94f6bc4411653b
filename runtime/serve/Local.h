// SPDX-License-Identifier: Apache-2.0
// Both servers and the dealer in one process: what gfsrun --local does.
#pragma once

#include "runtime/cost/TimeModel.h"
#include "runtime/serve/Summary.h"

namespace gfs::serve {

struct LocalReport {
  std::vector<RequestCost> costs;
  std::vector<StepProfile> profile;
  TimePrediction predicted; ///< For these machine and network, between threads.
};

/// Runs every request of the workload `repeat` times, each with freshly dealt material. `weights`
/// and `dealerKey` are files of this plan; `throttle` is the network to imitate, `machine` what
/// predictions are made from. Errors: those of their readers and of Workload.
LocalReport runLocally(const plan::LoadedPlan &plan, const std::filesystem::path &weights,
                       const std::filesystem::path &dealerKey, Workload &workload, unsigned repeat,
                       const std::optional<NetworkProfile> &throttle = {},
                       const MachineProfile &machine = MachineProfile::standard());

} // namespace gfs::serve
