// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/DealerSession.h"

#include <numeric>
#include <spdlog/spdlog.h>
#include <thread>

namespace gfs::serve {

/// How long the server's own thread, which looks for files once a second but not during a pass, may
/// take to see a set. The dealer, who asks what is left, should not miss it.
static constexpr Milliseconds seenWithin{20000}, lookPause{50};

void DealerSession::greet() {
  const auto hello = receiveMessage<DealerHello>(*connection, context.timeout);
  const unsigned self = index(context.use.party);
  if (hello.plan_hash() != std::string(context.use.planHash.begin(), context.use.planHash.end()))
    throw Error(ExitCode::PlanMismatch, fmt::format("server {} runs another plan", self),
                "deal for the plan.bin that the servers were started with; gfs-inspect prints its "
                "hash");
  if (!context.folder)
    throw Error(ExitCode::Usage,
                fmt::format("server {} takes its material from a single file", self),
                "start it with --material FOLDER");
  DealerWelcome welcome;
  welcome.set_party(self);
  welcome.set_version(GFS_VERSION);
  sendMessage(*connection, welcome, context.timeout);
}

bool DealerSession::serveOne() {
  // Never leaves idle: nothing that the dealer does is lost for good when it is broken off.
  const std::optional<DealerCommand> command = next<DealerCommand>();
  if (!command)
    return false;
  if (command->has_delivery())
    receive(command->delivery());
  else if (command->has_keep())
    keep();
  answer();
  return true;
}

void DealerSession::receive(const Delivery &delivery) {
  const std::string &header = delivery.header();
  const std::string place = "the dealer's set";
  arrival.reset();
  const auto [info, length] = decodeMaterialHeader(
      std::span(reinterpret_cast<const uint8_t *>(header.data()), header.size()), place);
  if (length != header.size())
    throw Error(ExitCode::InvalidInput, place + ": the header is damaged",
                "do dealer and server run the same version?");
  if (!requireUse(context.use, info, place))
    throw Error(ExitCode::InvalidInput, place + ": has no seed", "deal a new set");
  arrival.emplace(*context.folder, info, std::chrono::system_clock::now());
  answer();
  while (arrival->missing() > 0) {
    const Frame frame =
        connection->receive(std::min(deliveryFrameBytes, arrival->missing()), context.timeout);
    if (frame.type != FrameType::Data)
      throw Error(ExitCode::Network,
                  fmt::format("{}: breaks a delivery off", connection->peerText()));
    arrival->append(frame.payload);
  }
  arrival->store();
}

void DealerSession::keep() {
  if (!arrival || arrival->missing() > 0)
    throw Error(ExitCode::Network,
                fmt::format("{}: keeps what it has not delivered", connection->peerText()),
                "do both ends run the same version?");
  arrival->keep();
  const MaterialInfo info = arrival->info();
  arrival.reset();
  context.metrics->delivered += info.records;
  spdlog::info("{}: delivered material for {} inferences", connection->peerText(), info.records);
  const auto deadline =
      std::chrono::steady_clock::now() + std::min(seenWithin, context.timeout / 2);
  auto seen = [&] {
    const std::vector<MaterialLeft> sets = context.sets();
    return std::ranges::find(sets, info.materialId, &MaterialLeft::id) != sets.end();
  };
  while (!isLeaving() && !seen() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(lookPause);
}

void DealerSession::answer() {
  const std::vector<MaterialLeft> sets = context.sets();
  DealerAnswer answer;
  answer.set_material_left(
      std::accumulate(sets.begin(), sets.end(), uint64_t(0),
                      [](uint64_t sum, const MaterialLeft &set) { return sum + set.inferences; }));
  sendMessage(*connection, answer, context.timeout);
}

} // namespace gfs::serve
