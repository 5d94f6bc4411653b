// SPDX-License-Identifier: Apache-2.0
// Flags about what times are predicted for; the same for gfs-inspect and gfs-client.
#pragma once

#include "runtime/cost/TimeModel.h"

#include <CLI/CLI.hpp>

namespace gfs {

class CostFlags {
public:
  void addTo(CLI::App &app) {
    const char *group = "Predicted time";
    network = app.add_option("--network", networkText,
                             "the network between the servers: lan (0.2 ms round trip, 1000 "
                             "Mbit/s), wan (40 ms, 100 Mbit/s), loopback, or rtt=MS,bw=MBIT")
                  ->capture_default_str()
                  ->group(group);
    machine = app.add_option("--machine", machineFile,
                             "the servers' speed, as gfs-bench --calibrate -o FILE wrote it")
                  ->group(group);
  }
  bool given() const { return network->count() + machine->count() > 0; }

  /// Errors: those of readMachineProfile and parseNetworkProfile.
  Environment environment() const {
    Environment environment;
    environment.network = parseNetworkProfile(networkText, "--network");
    if (!machineFile.empty())
      environment.machine = readMachineProfile(machineFile);
    return environment;
  }

private:
  std::string networkText = "lan";
  std::filesystem::path machineFile;
  CLI::Option *network = nullptr, *machine = nullptr;
};

} // namespace gfs
