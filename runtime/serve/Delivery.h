// SPDX-License-Identifier: Apache-2.0
// Bringing material to the servers over the network: what gfsdeal does with --to0 and --to1.
//
// The dealer connects to both servers, who know it by its certificate; nobody connects to the
// dealer. Records go from its memory into the servers' folders and lie on no disk of its own.
#pragma once

#include "runtime/net/Connection.h"
#include "runtime/serve/SetDealer.h"

#include <stop_token>

namespace gfs::serve {

struct DeliveryOptions : DealerFiles {
  std::array<Endpoint, 2> servers;
  std::shared_ptr<const Security> security;
  std::array<std::optional<Fingerprint>, 2> fingerprints;
  Milliseconds timeout{60000};    ///< For every step; see Connection.
  Milliseconds connectFor{10000}; ///< How long to try to reach a server.
  uint64_t records = 0;           ///< Of one set.
  bool quiet = false;             ///< No progress.
};

/// What one delivery was.
struct Delivered {
  uint64_t records = 0;
  std::array<uint64_t, 2> recordBytes{}, left{}; ///< By server; left: inferences it has now.
  double seconds = 0;
};

class Deliverer {
public:
  /// Errors: those of SetDealer; Authentication (our certificate is not for a dealer), Usage.
  explicit Deliverer(DeliveryOptions options, std::stop_token stop = {});
  ~Deliverer();

  /// What makes the records, and its planned memory.
  const std::string &device() const { return dealer.device(); }
  /// Inferences that each server has material for. Connects where need be. Errors: Network,
  /// Authentication, PlanMismatch, Usage (it takes no deliveries; servers exchanged); whatever a
  /// server reports. Both connections are then closed, and made anew the next time.
  std::array<uint64_t, 2> left();
  /// Deals a set and brings each server its half. Errors: as above; Device. After an error neither
  /// server uses anything of the set.
  Delivered deliver();
  /// Delivers a set whenever a server has material for fewer than `atLeast` inferences, which is
  /// asked `every` so often, until a stop is requested. What a server or the network does wrong is
  /// logged, once, and tried again; before anything has succeeded, only where waiting may help.
  /// Errors: as above.
  void keepSupplied(uint64_t atLeast, Milliseconds every);

private:
  class Link;

  Link &link(Party party);
  void close() noexcept;

  const DeliveryOptions options;
  const std::stop_token stop;
  SetDealer dealer;
  std::array<std::unique_ptr<Link>, 2> links;
};

} // namespace gfs::serve
