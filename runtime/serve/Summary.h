// SPDX-License-Identifier: Apache-2.0
// Times and bytes of many requests, for people and as JSON.
#pragma once

#include "runtime/serve/Workload.h"
#include "runtime/serve/serve.pb.h"

#include <algorithm>
#include <array>

namespace gfs::serve {

/// What one request cost: at each server, and as the client saw it.
struct RequestCost {
  std::array<Stats, 2> servers;
  /// From inputs shared to outputs joined; onlineMs() if both parties run in one process.
  double totalMs = 0;
  double dealMs = 0;        ///< Dealing its material, where that happened in the same process.
  uint64_t clientBytes = 0; ///< Between the client and both servers.

  /// Of the slower server.
  double onlineMs() const { return std::max(servers[0].online_ms(), servers[1].online_ms()); }
};

/// Nearest-rank percentiles; `values` need not be sorted or non-empty.
struct Percentiles {
  double p50 = 0, p90 = 0, p99 = 0, mean = 0;
};
Percentiles percentiles(std::vector<double> values);

/// One step of a plan; times are averages over requests, of the server that computes longer.
struct StepProfile {
  uint32_t step = 0;
  std::string name, gate;
  double onlineMs = 0, prepareMs = 0;
  double transferMs = 0;  ///< Messages between a GPU and the host, beside onlineMs.
  double waitMs = 0;      ///< In exchanges, beside onlineMs; those with other steps in equal parts.
  double predictedMs = 0; ///< Of onlineMs, by the time model.
  uint64_t exchanges = 0;
  uint64_t bytes = 0;      ///< Each server sends.
  uint64_t dealtBytes = 0; ///< To both servers together.
};

/// The online time of one inference by the time model, to stand beside the measured ones.
struct PredictedTime {
  double onlineMs = 0;
  std::string conditions; ///< Network and machine that it holds for.
};

/// A few lines for people. `perSecond`: inferences in a second, from the first request to the last
/// answer.
std::string summaryText(std::span<const RequestCost> costs, const Scores &scores,
                        const std::optional<PredictedTime> &predicted = {},
                        std::optional<double> perSecond = {});
/// The same as JSON, with stable keys.
std::string summaryJson(const plan::LoadedPlan &plan, std::span<const RequestCost> costs,
                        const Scores &scores, std::span<const StepProfile> profile = {},
                        const std::optional<PredictedTime> &predicted = {},
                        std::optional<double> perSecond = {});
/// One line per step and their sum, predicted beside measured.
std::string profileText(std::span<const StepProfile> profile);

/// "1.2 MB"
std::string bytesText(double bytes);

} // namespace gfs::serve
