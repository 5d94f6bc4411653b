// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/ClientSession.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

/// A client may think as long as it likes between requests, but not hold a session for ever.
static constexpr Milliseconds idleTimeout = std::chrono::hours(1);

void ClientSession::run() noexcept {
  std::string who = connection->peerText();
  try {
    greet();
    spdlog::info("{}: connected", who);
    while (serveOne()) {
    }
    spdlog::info("{}: left", who);
  } catch (const Error &error) {
    spdlog::warn("{}: {}", who, error.what());
    connection->closeWith(error);
  } catch (const std::exception &error) {
    spdlog::error("{}: {}", who, error.what());
    connection->closeWith(Error(ExitCode::Failure, "the server failed", "see its log"));
  }
}

void ClientSession::shutdown() noexcept {
  std::lock_guard lock(mutex);
  stopping = true;
  if (idle)
    connection->interrupt();
}

bool ClientSession::enterIdle() {
  std::lock_guard lock(mutex);
  idle = true;
  return !stopping;
}

void ClientSession::leaveIdle() {
  std::lock_guard lock(mutex);
  idle = false;
}

void ClientSession::greet() {
  ClientHello hello = receiveMessage<ClientHello>(*connection, context.timeout);
  if (hello.plan_hash() != std::string(context.planHash.begin(), context.planHash.end()))
    throw Error(ExitCode::PlanMismatch,
                fmt::format("server {} runs another plan", index(context.party)),
                "use the plan.bin that the servers were started with; gfs-inspect prints its hash");
  ServerHello answer;
  answer.set_party(index(context.party));
  answer.set_material_left(context.materialLeft());
  sendMessage(*connection, answer, context.timeout);
}

bool ClientSession::serveOne() {
  if (!enterIdle())
    return false;
  Request request;
  try {
    request = receiveMessage<Request>(*connection, idleTimeout);
  } catch (const Error &error) {
    if (error.code() != ExitCode::Network)
      throw;
    spdlog::debug("{}", error.what());
    return false; // gone, or interrupted: nothing was under way
  }
  leaveIdle();

  auto job = std::make_unique<Job>();
  job->id = fixedField<16>(request.request_id(), *connection, "request id");
  job->client = connection->peerRole();
  job->inputShares.resize(context.inputBytes);
  connection->receiveData(job->inputShares, context.timeout);
  JobId id = job->id;
  spdlog::debug("request {}: received from {}", shortName(id), connection->peerText());
  std::future<Result> future = context.queue->submit(std::move(job));
  Result result = await(future, id);

  Reply reply;
  reply.set_request_id(request.request_id());
  *reply.mutable_stats() = result.stats;
  sendMessage(*connection, reply, context.timeout);
  connection->send(FrameType::Data, result.outputShares, context.timeout);
  return true;
}

Result ClientSession::await(std::future<Result> &future, const JobId &id) {
  // Once started, a request ends in bounded time, for every exchange has its own timeout.
  if (future.wait_for(context.timeout) == std::future_status::timeout &&
      context.queue->withdraw(id))
    throw Error(ExitCode::Network, fmt::format("request {} was not started in time", shortName(id)),
                context.party == Party::Zero ? "is server 1 up, and connected to server 0?"
                                             : "did server 0 receive the request too?");
  return future.get();
}

} // namespace gfs::serve
