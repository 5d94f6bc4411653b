// SPDX-License-Identifier: Apache-2.0
// What a server counts while it serves, for its operator. Only numbers he knows or can see anyway:
// nothing about single clients, nothing that depends on a secret.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/base/Ring.h"
#include "runtime/net/Channel.h"
#include "runtime/plan/Files.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <vector>

namespace gfs::serve {

/// A set of material and what is left of it.
struct MaterialLeft {
  plan::Id16 id{};
  uint64_t inferences = 0;
};

/// Times by size; any thread.
class SecondsHistogram {
public:
  /// Upper bounds, included; the last count is of what is longer.
  static constexpr std::array bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                        0.5,   1.0,    2.5,   5.0,  10.0,  25.0, 60.0};

  void observe(double seconds) {
    const auto bucket = std::ranges::lower_bound(bounds, seconds) - bounds.begin();
    ++counts[static_cast<size_t>(bucket)];
    total += seconds;
  }
  uint64_t count(size_t bucket) const { return counts[bucket]; }
  double sum() const { return total; }

private:
  std::array<std::atomic<uint64_t>, bounds.size() + 1> counts{};
  std::atomic<double> total = 0;
};

/// Counted since the server was started, by any thread.
struct Metrics {
  std::atomic<uint64_t> answered = 0;                     ///< Inferences whose results were sent.
  std::array<std::atomic<uint64_t>, 256> failed{};        ///< Inferences, by exit code.
  std::atomic<uint64_t> openRequests = 0;                 ///< Now: asked and not answered yet.
  std::atomic<uint64_t> exchanges = 0;                    ///< With the other server, in passes.
  std::atomic<uint64_t> sentBytes = 0, receivedBytes = 0; ///< In them, without framing.
  std::atomic<double> waitSeconds = 0;                    ///< In them, for the other server.
  std::atomic<uint64_t> delivered = 0; ///< Inferences of sets the dealer brought.
  std::atomic<uint64_t> links = 0;     ///< Times linked to the other server.
  SecondsHistogram onlineSeconds;      ///< Of passes that succeeded.

  void countFailed(ExitCode code, uint64_t inferences) {
    failed[static_cast<uint8_t>(code)] += inferences;
  }
  /// What one pass, whole or broken off, has moved.
  void count(const ChannelCounters &pass) {
    exchanges += pass.exchanges;
    sentBytes += pass.payloadSent;
    receivedBytes += pass.payloadReceived;
    waitSeconds += pass.waitSeconds;
  }

  /// A request is open while it lives.
  class Open {
  public:
    explicit Open(Metrics &metrics) : metrics(metrics) { ++metrics.openRequests; }
    ~Open() { --metrics.openRequests; }
    Open(const Open &) = delete;
    Open &operator=(const Open &) = delete;

  private:
    Metrics &metrics;
  };
};

/// How a server is at one moment.
struct Vitals {
  Party party = Party::Zero;
  plan::Hash planHash{};
  bool linked = false; ///< To the other server.
  bool stopping = false;
  uint64_t clients = 0;           ///< Connected.
  uint64_t inferencesWaiting = 0; ///< For a pass.
  uint64_t recordsReady = 0;      ///< Prepared ahead of requests.
  uint64_t materialLeft = 0;      ///< Inferences, of all sets.
  std::vector<MaterialLeft> materialSets;
  std::optional<std::chrono::sys_seconds> certificateEnd; ///< When ours expires.
  bool materialSpent = false;                             ///< None is left that both servers have.
};

} // namespace gfs::serve
