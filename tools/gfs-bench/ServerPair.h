// SPDX-License-Identifier: Apache-2.0
// Two gfsrun processes over loopback, as a benchmark needs them.
#pragma once

#include "runtime/net/Connection.h"
#include "tools/gfs-bench/CertificateFolder.h"
#include "tools/gfs-bench/ChildProcess.h"

#include <array>
#include <memory>

namespace gfs {

struct ServerPairOptions {
  std::filesystem::path plan; ///< Weights and keys lie beside it.
  std::array<std::filesystem::path, 2> material;
  std::filesystem::path folder;          ///< For port files and logs.
  std::string throttle;                  ///< As gfsrun takes it; empty: the plain loopback.
  unsigned spinUs = Spin::usual.count(); ///< As gfsrun takes it.
  std::string device = "cpu";            ///< As gfsrun takes it.
  unsigned together = 1;                 ///< Inferences that a request may hold at least.
  Milliseconds timeout{120000};
};

/// Each server has a core of its own where there are two.
class ServerPair {
public:
  /// Starts both and waits until they are ready. `certificates`: null for no TLS. Errors: Failure,
  /// with what a server said; Network (not ready in time).
  ServerPair(const ServerPairOptions &options, const CertificateFolder *certificates);

  std::array<Endpoint, 2> addresses;
  /// From start to readiness: program, plan, weights, keys, ledger.
  std::array<double, 2> loadMs{};
  /// The most memory each has held so far.
  std::array<uint64_t, 2> peakBytes() const {
    return {servers[0]->peakBytes(), servers[1]->peakBytes()};
  }

private:
  void start(unsigned party, const ServerPairOptions &options,
             const CertificateFolder *certificates);

  std::array<std::unique_ptr<ChildProcess>, 2> servers;
};

} // namespace gfs
