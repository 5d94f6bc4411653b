// SPDX-License-Identifier: Apache-2.0
// What server 0 and server 1 do on the link between them.
//
// One request: server 0 picks a request and the higher of both cursors as serial, and asks server 1
// to start. Server 1 finds its half of the request, claims the serial (durable from then on), and
// accepts. Server 0 claims too. Only then does the first byte that depends on the material leave
// either machine. A request that fails from there on leaves its serial burnt at both.
#include "runtime/net/ThrottledChannel.h"
#include "runtime/serve/Server.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

/// How long server 1 waits for its half of a request that server 0 has: the client sends both at
/// once. Less than server 0 waits for the answer.
static constexpr Milliseconds matchTimeout{5000};

/// What to tell others of an exception: our own errors as they are, anything else only to the log.
static Error asError(const std::exception &cause) {
  if (auto *error = dynamic_cast<const Error *>(&cause))
    return *error;
  spdlog::error("{}", cause.what());
  return Error(ExitCode::Failure, "the server failed", "see its log");
}

PeerFacts Server::facts() const {
  return {engine.party(), engine.planHash(), engine.modelId(), engine.materialId(),
          engine.cursor(), options.throttle ? options.throttle->text() : ""};
}

Server::LinkedScope::LinkedScope(Server &server, PeerLink &link) : server(server) {
  Engine &engine = server.engine;
  spdlog::info("linked to {}, next serial {}", link.connection().peerText(),
               std::max(engine.cursor(), link.peerCursor()));
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
      LinkedScope scope(*this, link);
      lead(link);
    } catch (const std::exception &cause) {
      if (!stopping())
        spdlog::warn("peer link: {}", asError(cause).what());
    }
  }
}

void Server::lead(PeerLink &link) {
  PeerCommand ping;
  ping.mutable_ping();
  while (!stopping()) {
    if (queue.empty())
      engine.prepareAhead(std::max(engine.cursor(), link.peerCursor()));
    if (std::unique_ptr<Job> job = queue.next(PeerLink::pingInterval))
      leadRequest(link, std::move(job));
    else if (!stopping())
      link.command(ping);
  }
}

void Server::leadRequest(PeerLink &link, std::unique_ptr<Job> job) {
  const uint64_t serial = std::max(engine.cursor(), link.peerCursor());
  const std::string id(job->id.begin(), job->id.end());
  enum { Loading, Asking, Accepted } stage = Loading;
  try {
    engine.load(serial);
    stage = Asking;
    PeerCommand command;
    command.mutable_start()->set_request_id(id);
    command.mutable_start()->set_serial(serial);
    PeerAnswer answer = link.command(command);
    if (!answer.accepted())
      throw Error(reportedCode(answer.refusal_code()),
                  fmt::format("server 1 reports: {}", printable(answer.refusal())),
                  printable(answer.refusal_hint()));
    stage = Accepted;
    engine.claim(serial);
  } catch (const std::exception &cause) {
    Error error = asError(cause);
    failed(*job, error);
    if (stage == Loading) {
      PeerCommand command;
      command.mutable_reject()->set_request_id(id);
      command.mutable_reject()->set_code(static_cast<uint32_t>(error.code()));
      command.mutable_reject()->set_text(error.what());
      command.mutable_reject()->set_hint(error.hint());
      link.command(command);
    } else if (stage == Accepted) {
      link.connection().closeWith(error); // server 1 has begun
      throw error;
    } else if (!link.connection().isOpen()) {
      throw;
    }
    return;
  }
  execute(link, std::move(job), serial);
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

void Server::follow(PeerLink &link) {
  while (!stopping()) {
    engine.prepareAhead(std::max(engine.cursor(), link.peerCursor()));
    PeerCommand command = link.awaitCommand();
    if (command.has_start()) {
      followRequest(link, command.start());
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

void Server::followRequest(PeerLink &link, const Start &start) {
  JobId id = fixedField<16>(start.request_id(), link.connection(), "request id");
  std::unique_ptr<Job> job = queue.take(id, std::min(matchTimeout, options.timeout / 2));
  PeerAnswer answer;
  try {
    if (!job)
      throw Error(ExitCode::Network,
                  fmt::format("request {} did not reach server 1", shortName(id)),
                  "the client must reach both servers");
    engine.load(start.serial());
    engine.claim(start.serial());
    answer.set_accepted(true);
  } catch (const std::exception &cause) {
    Error error = asError(cause);
    answer.set_refusal_code(static_cast<uint32_t>(error.code()));
    answer.set_refusal(error.what());
    answer.set_refusal_hint(error.hint());
    if (job)
      failed(*job, error);
  }
  answer.set_cursor(engine.cursor());
  try {
    link.answer(answer);
  } catch (const Error &error) {
    if (answer.accepted())
      failed(*job, error);
    throw;
  }
  if (answer.accepted())
    execute(link, std::move(job), start.serial());
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

void Server::execute(PeerLink &link, std::unique_ptr<Job> job, uint64_t serial) {
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
    Result result = engine.run(serial, job->inputShares, slow ? *slow : *channel,
                               link.requestSeed(job->id, serial));
    result.stats.set_queue_ms(
        std::chrono::duration<double, std::milli>(started - job->arrival).count());
    spdlog::info("request {} of {}: serial {}, online {:.2f} ms, {} exchanges, {} left",
                 shortName(job->id), job->client, serial, result.stats.online_ms(),
                 result.stats.exchanges(), engine.materialLeft());
    job->promise.set_value(std::move(result));
  } catch (const std::exception &cause) {
    error = asError(cause);
  }
  {
    std::lock_guard lock(mutex);
    executing = false;
  }
  engine.tidy();
  if (!error)
    return countRequest();
  // The peer may be in the middle of an exchange: only a new link is sure to be in step again.
  link.connection().closeWith(*error);
  failed(*job, *error);
  throw *error;
}

void Server::countRequest() {
  ++finished;
  if (options.requests > 0 && finished >= options.requests)
    stop();
}

} // namespace gfs::serve
