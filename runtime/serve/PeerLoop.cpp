// SPDX-License-Identifier: Apache-2.0
// What server 0 and server 1 do on the link between them.
//
// One pass: server 0 picks the requests that wait and, from the higher of both cursors on, a serial
// for each, and asks server 1 to start. Server 1 finds its halves, declines the requests whose half
// is not here yet (they go back to wait), claims the serials (durable from then on), and accepts.
// Server 0 claims too. Only then does the first byte that depends on the material leave either
// machine. A pass that fails from there on leaves its serials burnt at both.
//
// Serials are those of the set of material in use, the same at both. Server 0 changes it when it is
// used up, or after a greeting in which the servers have named different ones.
#include "runtime/net/ThrottledChannel.h"
#include "runtime/serve/Server.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

/// How long server 1 waits for its half of a request that server 0 has: the client sends both at
/// once. Less than server 0 waits for the answer.
static constexpr Milliseconds matchTimeout{5000};
/// How long for the halves of the others of a group, once that of the first is here.
static constexpr Milliseconds groupTimeout{5};
/// A pass waits for as many requests as the last one had and those that came while it ran, for at
/// most such a part of the time that one took: little beside what two passes of some cost more than
/// one of all.
static constexpr int gatherDivisor = 8;
/// Far above any group; more in one command is not from our server 0.
static constexpr int mostStarted = 4096;

/// What to tell others of an exception: our own errors as they are, anything else only to the log.
static Error asError(const std::exception &cause) {
  if (auto *error = dynamic_cast<const Error *>(&cause))
    return *error;
  spdlog::error("{}", cause.what());
  return Error(ExitCode::Failure, "the server failed", "see its log");
}

PeerFacts Server::facts() const {
  return {engine.party(),      engine.planHash(), engine.modelId(),
          engine.materialId(), engine.cursor(),   options.throttle ? options.throttle->text() : ""};
}

Server::LinkedScope::LinkedScope(Server &server, PeerLink &link) : server(server) {
  Engine &engine = server.engine;
  spdlog::info("linked to {}, next serial {}", link.connection().peerText(),
               std::max(engine.cursor(), link.peerCursor()));
  link.connection().setSpin(Spin(server.options.spin, &engine.preparingAhead()));
  bool first = false;
  {
    std::lock_guard lock(server.mutex);
    server.currentPeer = &link.connection();
    if (server.stopping())
      server.currentPeer->interrupt();
    first = !std::exchange(server.wasLinked, true);
  }
  if (first)
    server.options.onReady();
}

Server::LinkedScope::~LinkedScope() {
  std::lock_guard lock(server.mutex);
  server.currentPeer = nullptr;
  server.executing = false;
}

// --- Server 0 -----------------------------------------------------------------------------------

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
  peerChanged.wait(lock, stopSource.get_token(), arrived);
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
    if (error.code() == ExitCode::Usage &&
        std::string_view(error.what()).find("both servers") != std::string_view::npos)
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

bool Server::changeMaterial(PeerLink &link, bool endsFormer) {
  for (const plan::Id16 &id : engine.otherMaterial()) {
    PeerCommand command;
    command.mutable_use()->set_material_id(std::string(id.begin(), id.end()));
    command.mutable_use()->set_ends_former(endsFormer);
    const PeerAnswer answer = link.command(command);
    if (answer.accepted()) {
      engine.useMaterial(id, endsFormer);
      return true;
    }
    spdlog::warn("material: {}", printable(answer.refusal()));
  }
  return false;
}

/// After a greeting. Throws PlanMismatch if the servers have no set in common; server 1 is told.
void Server::agreeOnMaterial(PeerLink &link) {
  if (link.peerMaterial() == engine.materialId())
    return;
  try {
    PeerCommand mine;
    mine.mutable_use()->set_material_id(
        std::string(engine.materialId().begin(), engine.materialId().end()));
    if (!link.command(mine).accepted() && !changeMaterial(link, false))
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
    if (std::max(engine.cursor(), link.peerCursor()) >= engine.endSerial())
      changeMaterial(link, true);
    engine.prepareAhead(std::max(engine.cursor(), link.peerCursor()));
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

size_t Server::groupLimit() const {
  size_t limit = std::min<uint64_t>(options.maxGroup, engine.groupLimit());
  return options.requests > 0 ? std::min<uint64_t>(limit, options.requests - finished) : limit;
}

/// Keeps the first `count`; the others wait for a later pass.
void Server::keep(Jobs &jobs, size_t count) {
  queue.putBack(Jobs(std::make_move_iterator(jobs.begin() + static_cast<ptrdiff_t>(count)),
                     std::make_move_iterator(jobs.end())));
  jobs.resize(count);
}

/// Sorts out the jobs that server 1 has declined.
static Jobs takeDeclined(Jobs &jobs, const PeerAnswer &answer) {
  Jobs declined;
  for (uint32_t place : answer.declined())
    if (place > 0 && place < jobs.size() && jobs[place])
      declined.push_back(std::move(jobs[place]));
  std::erase(jobs, nullptr);
  return declined;
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
    if (!answer.accepted())
      throw Error(reportedCode(answer.refusal_code()),
                  fmt::format("server 1 reports: {}", printable(answer.refusal())),
                  printable(answer.refusal_hint()));
    stage = Accepted;
    queue.putBack(takeDeclined(jobs, answer));
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

// --- Server 1 -----------------------------------------------------------------------------------

/// Errors that waiting does not cure. Only before the first link: a running server outlives its
/// peer's mistakes.
static bool isFatal(const Error &error) { return error.code() != ExitCode::Network; }

void Server::followerLoop() {
  std::string lastComplaint;
  while (!stopping()) {
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
    engine.useMaterial(fixedField<16>(use.material_id(), link.connection(), "material id"),
                       use.ends_former());
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

/// After a greeting: server 0 names sets until both have the same.
void Server::awaitMaterial(PeerLink &link) {
  if (link.peerMaterial() == engine.materialId())
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
    engine.prepareAhead(std::max(engine.cursor(), link.peerCursor()));
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
  if (std::unique_ptr<Job> job = queue.take(id, std::min(matchTimeout, options.timeout / 4)))
    failed(*job, Error(reportedCode(reject.code()),
                       fmt::format("server 0 reports: {}", printable(reject.text())),
                       printable(reject.hint())));
}

/// Our halves of the requests of a group, without those that `answer` then declines. Throws Network
/// if the first is not here.
Jobs Server::takeHalves(PeerLink &link, const Start &start, PeerAnswer &answer) {
  if (start.request_ids().empty() || start.request_ids_size() > mostStarted)
    throw Error(ExitCode::Network,
                fmt::format("{}: starts a group of {}", link.connection().peerText(),
                            start.request_ids_size()));
  std::vector<JobId> ids;
  for (const std::string &id : start.request_ids())
    ids.push_back(fixedField<16>(id, link.connection(), "request id"));
  const auto deadline = std::chrono::steady_clock::now() + groupTimeout;
  const size_t limit = groupLimit();
  Jobs jobs;
  for (uint32_t place = 0; place < ids.size(); ++place) {
    auto patience = std::min(matchTimeout, options.timeout / 2);
    if (place > 0)
      patience = std::max(Milliseconds(0), std::chrono::duration_cast<Milliseconds>(
                                               deadline - std::chrono::steady_clock::now()));
    std::unique_ptr<Job> job = jobs.size() < limit ? queue.take(ids[place], patience) : nullptr;
    if (job)
      jobs.push_back(std::move(job));
    else if (place > 0)
      answer.add_declined(place);
    else
      throw Error(ExitCode::Network,
                  fmt::format("request {} did not reach server 1", shortName(ids[0])),
                  "the client must reach both servers");
  }
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
  for (size_t place = ids.size(); place-- > 0 && jobs.size() > good;)
    if (ids[place] == jobs.back()->id) {
      answer.add_declined(static_cast<uint32_t>(place));
      keep(jobs, jobs.size() - 1);
    }
  return jobs;
}

void Server::followGroup(PeerLink &link, const Start &start) {
  PeerAnswer answer;
  Jobs jobs;
  try {
    jobs = takeHalves(link, start, answer);
    engine.claim(start.serial() + jobs.size() - 1);
    answer.set_accepted(true);
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

// --- Both ---------------------------------------------------------------------------------------

void Server::failed(Job &job, const Error &error) {
  spdlog::warn("request {} of {}: {}", shortName(job.id), job.client, error.what());
  {
    std::lock_guard lock(mutex);
    lastFailure = error;
  }
  job.promise.set_exception(std::make_exception_ptr(error));
  countRequest();
}

void Server::failed(Jobs &jobs, const Error &error) {
  for (auto &job : jobs)
    failed(*job, error);
}

void Server::execute(PeerLink &link, Jobs jobs, uint64_t serial) {
  {
    std::lock_guard lock(mutex);
    executing = true;
  }
  auto started = std::chrono::steady_clock::now();
  std::optional<Error> error;
  try {
    std::unique_ptr<Channel> channel = makeChannel(link.connection(), options.timeout), slow;
    if (options.throttle)
      slow = makeThrottledChannel(*channel, *options.throttle);
    std::vector<GroupRequest> group;
    for (size_t i = 0; i < jobs.size(); ++i)
      group.push_back(
          {jobs[i]->inputShares, link.requestSeed(jobs[i]->id, engine.materialId(), serial + i)});
    std::vector<Result> results = engine.run(serial, group, slow ? *slow : *channel);
    cameMeanwhile = queue.size();
    for (size_t i = 0; i < jobs.size(); ++i) {
      Stats &stats = results[i].stats;
      stats.set_queue_ms(
          std::chrono::duration<double, std::milli>(started - jobs[i]->arrival).count());
      spdlog::info("request {} of {}: serial {}, online {:.2f} ms, {} exchanges, group of {}, "
                   "{} left",
                   shortName(jobs[i]->id), jobs[i]->client, serial + i, stats.online_ms(),
                   stats.exchanges(), stats.group(), engine.materialLeft());
      jobs[i]->promise.set_value(std::move(results[i]));
    }
  } catch (const std::exception &cause) {
    error = asError(cause);
  }
  {
    std::lock_guard lock(mutex);
    executing = false;
  }
  engine.tidy();
  if (!error) {
    for (size_t i = 0; i < jobs.size(); ++i)
      countRequest();
    return;
  }
  // The peer may be in the middle of an exchange: only a new link is sure to be in step again.
  link.connection().closeWith(*error);
  failed(jobs, *error);
  throw *error;
}

void Server::countRequest() {
  ++finished;
  if (options.requests > 0 && finished >= options.requests)
    stop();
}

} // namespace gfs::serve
