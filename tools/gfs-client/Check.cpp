// SPDX-License-Identifier: Apache-2.0
#include "tools/gfs-client/Check.h"

#include <algorithm>
#include <fmt/format.h>

namespace gfs {

namespace {

void print(Party party, const serve::ClientOptions &options, const serve::Greeting &greeting) {
  const Connection &connection = *greeting.connection;
  fmt::print("server {}: {} is well{}\n", index(party), options.servers[index(party)].text(),
             greeting.hello.material_left() > 0 ? "" : ", but has no material");
  if (!connection.peerCertificateEnd().empty())
    fmt::print("  certificate       {}, until {}\n", connection.peerRole(),
               connection.peerCertificateEnd());
  fmt::print("  version           {}\n", greeting.hello.version());
  fmt::print("  plan              the same\n");
  fmt::print("  other server      {}\n", greeting.hello.linked() ? "linked" : "not linked");
  fmt::print("  material left     {} inferences\n", greeting.hello.material_left());
  fmt::print("  a request         {} inferences at most\n", greeting.hello.max_batch());
  fmt::print("  connecting        {:.1f} ms, an answer {:.1f} ms\n", greeting.connectMs,
             greeting.answerMs);
}

} // namespace

void checkServers(const plan::LoadedPlan &plan, const serve::ClientOptions &options) {
  std::array<serve::Greeting, 2> greetings;
  unsigned failed = 0;
  ExitCode code = ExitCode::Ok;
  for (Party party : {Party::Zero, Party::One}) {
    try {
      greetings[index(party)] = serve::greetServer(party, plan, options);
      print(party, options, greetings[index(party)]);
    } catch (const Error &error) {
      fmt::print("server {}: {}\n", index(party), error.what());
      if (!error.hint().empty())
        fmt::print("  hint: {}\n", error.hint());
      if (failed++ == 0)
        code = error.code();
    }
  }
  if (failed > 0)
    throw Error(code, fmt::format("{} of 2 servers cannot serve this plan", failed),
                "what is wrong and what to do stands beside each server above");
  for (Party party : {Party::Zero, Party::One})
    if (!greetings[index(party)].hello.linked())
      throw Error(ExitCode::Network,
                  fmt::format("server {} is not linked to the other server", index(party)),
                  "see both servers' logs; server 1's --peer must be where server 0 listens");
  if (std::ranges::any_of(greetings, [](const auto &g) { return g.hello.material_left() == 0; }))
    throw Error(ExitCode::MaterialExhausted, "no material is left for an inference",
                "deal more with gfsdeal and hand it to both servers");
}

} // namespace gfs
