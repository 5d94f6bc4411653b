// SPDX-License-Identifier: Apache-2.0
// What server 0 does on the link to server 1; how the two work together is in PeerLoop.cpp.
#include "runtime/net/PeerReport.h"
#include "runtime/serve/Server.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

/// A pass waits for as many requests as the last one had and those that came while it ran, for at
/// most such a part of the time that one took: little beside what two passes of some cost more than
/// one of all.
static constexpr int gatherDivisor = 8;
/// How old a request may get whose other half is not at server 1: the client sends both at once.
static constexpr Milliseconds matchTimeout{5000};

std::unique_ptr<Connection> Server::awaitPeer() {
  static constexpr Milliseconds patience{3000};
  std::unique_lock lock(mutex);
  auto arrived = [&] { return offeredPeer != nullptr; };
  if (!peerChanged.wait_for(lock, stopSource.get_token(), patience, arrived) && options.peer &&
      !stopping() && !wasLinked) {
    lock.unlock();
    diagnosePeer();
    lock.lock();
  }
  while (!peerChanged.wait_for(lock, stopSource.get_token(), PeerLink::pingInterval, arrived) &&
         !stopping()) {
    lock.unlock();
    engine.lookForMaterial();
    lock.lock();
  }
  return std::move(offeredPeer);
}

/// Server 1 has not come: calls on it, to tell a server of our own party from one that looks
/// elsewhere.
void Server::diagnosePeer() {
  try {
    ConnectOptions once;
    once.retryFor = Milliseconds(0);
    once.stop = stopSource.get_token();
    auto connection = connect(*options.peer, options.security, {{"server0", "server1"}, {}}, once);
    connection->receive(0, options.timeout); // a server that does not expect us says why
  } catch (const Error &error) {
    if (saysSameParty(error))
      throw;
    spdlog::warn("server 1 has not connected yet; calling it: {}", error.what());
  }
}

void Server::leaderLoop() {
  spdlog::info("waiting for server 1 on {}", local().text());
  while (!stopping()) {
    std::unique_ptr<Connection> connection = awaitPeer();
    if (!connection)
      continue;
    try {
      PeerLink link(std::move(connection), facts(), options.timeout);
      agreeOnMaterial(link);
      LinkedScope scope(*this, link);
      lead(link);
    } catch (const std::exception &cause) {
      if (!stopping())
        spdlog::warn("peer link: {}", asError(cause).what());
    }
  }
}

/// Whether both servers use the same set.
bool Server::inStep(const PeerLink &link) const {
  return engine.hasMaterial() && link.peerMaterial() == engine.materialId();
}

/// Our own set if server 1 has its half, else another that both have.
bool Server::proposeMaterial(PeerLink &link) {
  if (engine.hasMaterial()) {
    const plan::Id16 id = engine.materialId();
    PeerCommand mine;
    mine.mutable_use()->set_material_id(std::string(id.begin(), id.end()));
    if (link.command(mine).accepted()) {
      link.agreedOn(id);
      return true;
    }
  }
  return changeMaterial(link, false);
}

bool Server::changeMaterial(PeerLink &link, bool endsFormer) {
  std::string refusals;
  auto note = [&](const char *refusal) {
    refusals += fmt::format("{}{}", refusals.empty() ? "" : "; ", printable(refusal));
  };
  for (const plan::Id16 &id : engine.otherMaterial()) {
    // Opened before server 1 is asked, who goes over at once and ends the former set.
    std::unique_ptr<MaterialStore> half;
    try {
      half = engine.openMaterial(id);
    } catch (const Error &error) {
      if (engine.offers(id)) // else it was set aside, with a warning
        note(error.what());
      continue;
    }
    PeerCommand command;
    command.mutable_use()->set_material_id(std::string(id.begin(), id.end()));
    command.mutable_use()->set_ends_former(endsFormer);
    const PeerAnswer answer = link.command(command);
    if (answer.accepted()) {
      engine.useMaterial(std::move(half), endsFormer);
      link.agreedOn(id);
      saidOfMaterial.clear();
      return true;
    }
    note(answer.refusal().c_str());
  }
  // This is asked every second while a set is used up.
  if (!refusals.empty() && refusals != saidOfMaterial)
    spdlog::warn("material: {}", refusals);
  saidOfMaterial = std::move(refusals);
  return false;
}

/// After a greeting. Throws PlanMismatch if the servers have no set in common; server 1 is told.
/// Where one of them still has none at all, they agree later, in lead().
void Server::agreeOnMaterial(PeerLink &link) {
  if (inStep(link) || !engine.hasMaterial() || link.peerMaterial() == plan::Id16{})
    return;
  try {
    if (!proposeMaterial(link))
      throw Error(ExitCode::PlanMismatch, "the two servers have different material sets",
                  "give both the files of one run of gfsdeal");
  } catch (const Error &error) {
    link.connection().closeWith(error);
    throw;
  }
}

void Server::lead(PeerLink &link) {
  PeerCommand ping;
  ping.mutable_ping();
  Gathering gathering;
  while (!stopping()) {
    if (!inStep(link))
      proposeMaterial(link);
    else if (std::max(engine.cursor(), link.peerCursor()) >= engine.endSerial())
      changeMaterial(link, true);
    const uint64_t next = std::max(engine.cursor(), link.peerCursor());
    materialSpent = !inStep(link) || next >= engine.endSerial();
    engine.prepareAhead(next);
    engine.lookForMaterial();
    if (Jobs jobs = queue.next(groupLimit(), PeerLink::pingInterval, gathering); !jobs.empty()) {
      const size_t count = jobs.size();
      cameMeanwhile = 0;
      const auto start = std::chrono::steady_clock::now();
      leadGroup(link, std::move(jobs));
      const auto end = std::chrono::steady_clock::now();
      gathering = {count + cameMeanwhile, end + (end - start) / gatherDivisor};
    } else if (!stopping())
      link.command(ping);
  }
}

/// Takes the jobs at these places out of the group; nulls stay in their place.
static Jobs takeOut(Jobs &jobs, const google::protobuf::RepeatedField<uint32_t> &places) {
  Jobs taken;
  for (uint32_t place : places)
    if (place < jobs.size() && jobs[place])
      taken.push_back(std::move(jobs[place]));
  return taken;
}

/// Requests that server 1 has declined for want of their other halves wait behind the others, but
/// not for ever.
void Server::defer(Jobs absent) {
  const auto now = std::chrono::steady_clock::now();
  const auto patience = std::min(matchTimeout, options.timeout / 2);
  for (auto &job : absent)
    if (now - job->arrival > patience) {
      failed(*job, Error(ExitCode::Network,
                         fmt::format("request {} did not reach server 1", shortName(job->id)),
                         "the client must reach both servers"));
      job.reset();
    }
  std::erase(absent, nullptr);
  queue.putLast(std::move(absent));
}

void Server::leadGroup(PeerLink &link, Jobs jobs) {
  const uint64_t serial = std::max(engine.cursor(), link.peerCursor());
  const std::string first(jobs[0]->id.begin(), jobs[0]->id.end());
  enum { Loading, Asking, Accepted } stage = Loading;
  try {
    keep(jobs, engine.load(serial, jobs.size()));
    stage = Asking;
    PeerCommand command;
    command.mutable_start()->set_serial(serial);
    for (const auto &job : jobs)
      command.mutable_start()->add_request_ids(std::string(job->id.begin(), job->id.end()));
    PeerAnswer answer = link.command(command);
    // What is left are those that server 1 accepts, or the first of which it refuses.
    Jobs absent = takeOut(jobs, answer.absent()), declined = takeOut(jobs, answer.declined());
    std::erase(jobs, nullptr);
    queue.putBack(std::move(declined));
    defer(std::move(absent));
    if (!answer.accepted() && jobs.empty())
      return;
    if (!answer.accepted())
      throw reportedError("server 1", answer.refusal_code(), answer.refusal(),
                          answer.refusal_hint());
    stage = Accepted;
    if (jobs.empty())
      throw Error(ExitCode::Network, "server 1 accepts a group and declines all of it");
    engine.claim(serial + jobs.size() - 1);
  } catch (const std::exception &cause) {
    Error error = asError(cause);
    if (stage == Accepted) {
      failed(jobs, error);
      link.connection().closeWith(error); // server 1 has begun
      throw error;
    }
    // Server 1 may have begun with all of them, or has refused the first.
    if (!link.connection().isOpen()) {
      failed(jobs, error);
      throw;
    }
    keep(jobs, 1);
    failed(jobs, error);
    if (stage == Loading) {
      PeerCommand command;
      command.mutable_reject()->set_request_id(first);
      command.mutable_reject()->set_code(static_cast<uint32_t>(error.code()));
      command.mutable_reject()->set_text(error.what());
      command.mutable_reject()->set_hint(error.hint());
      link.command(command);
    }
    return;
  }
  execute(link, std::move(jobs), serial);
}

} // namespace gfs::serve
