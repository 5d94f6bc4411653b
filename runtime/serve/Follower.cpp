// SPDX-License-Identifier: Apache-2.0
// What server 1 does on the link to server 0; how the two work together is in PeerLoop.cpp.
#include "runtime/net/PeerReport.h"
#include "runtime/serve/Server.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

/// How long server 1 waits for its half of any request of a group: the client sends both at once.
/// Server 0 asks again for what was declined, with the requests that have come meanwhile, so nobody
/// waits longer for a client that never sends the other half.
static constexpr Milliseconds matchTimeout{50};
/// How long for the halves of the others of a group, once that of one is here.
static constexpr Milliseconds groupTimeout{5};
/// How long for our half of a request that server 0 has rejected.
static constexpr Milliseconds rejectTimeout{5000};
/// Far above any group; more in one command is not from our server 0.
static constexpr int mostStarted = 4096;

/// Errors that waiting does not cure. Only before the first link: a running server outlives its
/// peer's mistakes.
static bool isFatal(const Error &error) { return error.code() != ExitCode::Network; }

void Server::followerLoop() {
  std::string lastComplaint;
  while (!stopping()) {
    engine.lookForMaterial();
    try {
      ConnectOptions attempt;
      attempt.retryFor = Milliseconds(2000);
      attempt.stop = stopSource.get_token();
      PeerLink link(connect(*options.peer, options.security, peerRule(), attempt), facts(),
                    options.timeout);
      awaitMaterial(link);
      lastComplaint.clear();
      LinkedScope scope(*this, link);
      follow(link);
    } catch (const std::exception &cause) {
      Error error = asError(cause);
      if (stopping())
        break;
      if (isFatal(error) && !wasLinked)
        throw error;
      if (error.what() != lastComplaint)
        spdlog::warn("peer link: {}; trying again", error.what());
      lastComplaint = error.what();
      std::mutex unused;
      std::unique_lock lock(unused);
      std::condition_variable_any().wait_for(lock, stopSource.get_token(), Milliseconds(300),
                                             [] { return false; });
    }
  }
}

/// Server 0 names another set: go over to it, if our half of it is here.
PeerAnswer Server::followUse(PeerLink &link, const Use &use) {
  PeerAnswer answer;
  try {
    const plan::Id16 id = fixedField<16>(use.material_id(), link.connection(), "material id");
    if (id != engine.materialId())
      engine.useMaterial(engine.openMaterial(id), use.ends_former());
    if (id != link.peerMaterial())
      link.forgetPeerCursor();
    link.agreedOn(id);
    answer.set_accepted(true);
  } catch (const std::exception &cause) {
    const Error error = asError(cause);
    answer.set_refusal_code(static_cast<uint32_t>(error.code()));
    answer.set_refusal(error.what());
    answer.set_refusal_hint(error.hint());
  }
  answer.set_cursor(engine.cursor());
  return answer;
}

/// After a greeting: server 0 names sets until both have the same; later, if one has none yet.
void Server::awaitMaterial(PeerLink &link) {
  if (link.peerMaterial() == engine.materialId() || !engine.hasMaterial() ||
      link.peerMaterial() == plan::Id16{})
    return;
  for (bool agreed = false; !agreed;) {
    const PeerCommand command = link.awaitCommand();
    if (!command.has_use())
      throw Error(ExitCode::Network,
                  fmt::format("{}: names no material", link.connection().peerText()));
    const PeerAnswer answer = followUse(link, command.use());
    agreed = answer.accepted();
    link.answer(answer);
  }
}

void Server::follow(PeerLink &link) {
  while (!stopping()) {
    const uint64_t next = std::max(engine.cursor(), link.peerCursor());
    materialSpent = next >= engine.endSerial() || link.peerMaterial() != engine.materialId();
    engine.prepareAhead(next);
    engine.lookForMaterial();
    PeerCommand command = link.awaitCommand();
    if (command.has_start()) {
      followGroup(link, command.start());
      continue;
    }
    if (command.has_use()) {
      link.answer(followUse(link, command.use()));
      continue;
    }
    if (command.has_reject())
      followReject(link, command.reject());
    PeerAnswer done;
    done.set_cursor(engine.cursor());
    done.set_accepted(true);
    link.answer(done);
  }
}

/// Server 0 cannot run this request: our half of it need not wait any longer.
void Server::followReject(PeerLink &link, const Reject &reject) {
  JobId id = fixedField<16>(reject.request_id(), link.connection(), "request id");
  if (std::unique_ptr<Job> job = queue.take(id, std::min(rejectTimeout, options.timeout / 4)))
    failed(*job, reportedError("server 0", reject.code(), reject.text(), reject.hint()));
}

/// Our halves of the requests of a group, without those that `answer` then declines.
Jobs Server::takeHalves(PeerLink &link, const Start &start, PeerAnswer &answer) {
  if (start.request_ids().empty() || start.request_ids_size() > mostStarted)
    throw Error(ExitCode::Network,
                fmt::format("{}: starts a group of {}", link.connection().peerText(),
                            start.request_ids_size()));
  std::vector<JobId> ids;
  for (const std::string &id : start.request_ids())
    ids.push_back(fixedField<16>(id, link.connection(), "request id"));
  queue.awaitAny(ids, std::min(matchTimeout, options.timeout / 2));
  const auto deadline = std::chrono::steady_clock::now() + groupTimeout;
  const size_t limit = groupLimit();
  Jobs jobs;
  std::vector<uint32_t> places; // of the jobs: a client may have used an id twice
  for (uint32_t place = 0; place < ids.size(); ++place) {
    const auto patience = std::max(
        Milliseconds(0),
        std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now()));
    const bool room = jobs.size() < limit;
    if (std::unique_ptr<Job> job = room ? queue.take(ids[place], patience) : nullptr) {
      jobs.push_back(std::move(job));
      places.push_back(place);
      continue;
    }
    answer.add_declined(place);
    if (room)
      answer.add_absent(place);
  }
  if (jobs.empty())
    return jobs;
  // Without material for all, the last ones wait.
  const size_t good = [&] {
    try {
      return engine.load(start.serial(), jobs.size());
    } catch (const std::exception &cause) {
      keep(jobs, 1);
      failed(jobs, asError(cause));
      throw;
    }
  }();
  for (; jobs.size() > good; places.pop_back()) {
    answer.add_declined(places.back());
    keep(jobs, jobs.size() - 1);
  }
  return jobs;
}

void Server::followGroup(PeerLink &link, const Start &start) {
  PeerAnswer answer;
  Jobs jobs;
  try {
    jobs = takeHalves(link, start, answer);
    if (!jobs.empty())
      engine.claim(start.serial() + jobs.size() - 1);
    answer.set_accepted(!jobs.empty());
  } catch (const std::exception &cause) {
    Error error = asError(cause);
    answer.set_refusal_code(static_cast<uint32_t>(error.code()));
    answer.set_refusal(error.what());
    answer.set_refusal_hint(error.hint());
    failed(jobs, error);
    jobs.clear();
  }
  answer.set_cursor(engine.cursor());
  try {
    link.answer(answer);
  } catch (const Error &error) {
    failed(jobs, error);
    throw;
  }
  if (answer.accepted())
    execute(link, std::move(jobs), start.serial());
}

} // namespace gfs::serve
