// SPDX-License-Identifier: Apache-2.0
#include "tools/gfs-bench/ServerPair.h"

#include <chrono>
#include <fstream>
#include <thread>

namespace gfs {

ServerPair::ServerPair(const ServerPairOptions &options, const CertificateFolder *certificates) {
  for (unsigned party : {0u, 1u})
    start(party, options, certificates);
}

void ServerPair::start(unsigned party, const ServerPairOptions &options,
                       const CertificateFolder *certificates) {
  using Clock = std::chrono::steady_clock;
  const std::filesystem::path portFile = options.folder / fmt::format("port{}", party);
  std::filesystem::remove(portFile);
  ChildOptions child;
  child.command = {siblingProgram("gfsrun"), options.plan, "--party", std::to_string(party)};
  auto add = [&](std::initializer_list<std::string> arguments) {
    child.command.insert(child.command.end(), arguments);
  };
  add({"--material", options.material[party], "--listen", "127.0.0.1:0", "--port-file", portFile,
       "--timeout-ms", std::to_string(options.timeout.count()), "--log-level", "warn"});
  if (party == 1)
    add({"--peer", addresses[0].text()});
  add({"--spin-us", std::to_string(options.spinUs)});
  add({"--device", options.device});
  add({"--max-group", std::to_string(std::max(options.together, 32u))});
  if (!options.throttle.empty())
    add({"--throttle", options.throttle});
  if (certificates) {
    TlsFiles files = certificates->issue(fmt::format("server{}", party));
    add({"--ca", files.ca, "--cert", files.certificate, "--cert-key", files.key});
  } else {
    add({"--insecure-plaintext"});
  }
  child.output = options.folder / fmt::format("server{}.out", party);
  child.errors = options.folder / fmt::format("server{}.log", party);
  child.core = coreOf(party);

  const auto begin = Clock::now();
  servers[party] = std::make_unique<ChildProcess>(std::move(child));
  for (uint16_t port = 0; Clock::now() - begin < options.timeout;) {
    if (std::ifstream file(portFile); file >> port) {
      loadMs[party] = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
      addresses[party] = {"127.0.0.1", port};
      return;
    }
    if (!servers[party]->running())
      throw Error(ExitCode::Failure,
                  fmt::format("server {} ended with code {}: {}", party, servers[party]->wait(),
                              servers[party]->lastError()),
                  "gfsrun with the same plan says more");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  throw Error(ExitCode::Network, fmt::format("server {} was not ready in time", party),
              "is the machine overloaded?");
}

} // namespace gfs
