// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/ClientSession.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

void ClientSession::greet() {
  ClientHello hello = receiveMessage<ClientHello>(*connection, context.timeout);
  if (hello.plan_hash() != std::string(context.planHash.begin(), context.planHash.end()))
    throw Error(ExitCode::PlanMismatch,
                fmt::format("server {} runs another plan", index(context.party)),
                "use the plan.bin that the servers were started with; gfs-inspect prints its hash");
  ServerHello answer;
  answer.set_party(index(context.party));
  answer.set_material_left(context.materialLeft());
  answer.set_max_batch(context.maxBatch);
  answer.set_linked(context.linked());
  answer.set_version(GFS_VERSION);
  sendMessage(*connection, answer, context.timeout);
}

bool ClientSession::serveOne() {
  const std::optional<Request> received = next<Request>();
  if (!received)
    return false;
  const Request &request = *received;
  Metrics &metrics = *context.metrics;
  // A refused request may claim to be of any size.
  const uint32_t inferences = std::clamp(request.batch(), 1u, std::max(1u, context.maxBatch));
  const Metrics::Open open(metrics);
  try {
    answer(request);
  } catch (const Error &error) {
    metrics.countFailed(error.code(), inferences);
    throw;
  } catch (const std::exception &) {
    metrics.countFailed(ExitCode::Failure, inferences);
    throw;
  }
  metrics.answered += inferences;
  return true;
}

void ClientSession::answer(const Request &request) {
  Jobs jobs = receiveJobs(request);
  std::vector<JobId> ids;
  for (const auto &job : jobs)
    ids.push_back(job->id);
  std::vector<std::future<Result>> futures = context.queue->submit(std::move(jobs));
  Reply reply;
  reply.set_request_id(request.request_id());
  SecretVector<uint8_t> outputs;
  try {
    for (size_t i = 0; i < futures.size(); ++i) {
      Result result = await(futures[i], ids[i]);
      *reply.add_stats() = result.stats;
      outputs.insert(outputs.end(), result.outputShares.begin(), result.outputShares.end());
    }
  } catch (...) {
    for (const JobId &id : ids) // one answer for all: nobody waits for the others any more
      context.queue->withdraw(id);
    throw;
  }
  sendMessage(*connection, reply, context.timeout);
  connection->send(FrameType::Data, outputs, context.timeout);
}

Jobs ClientSession::receiveJobs(const Request &request) {
  const JobId id = fixedField<16>(request.request_id(), *connection, "request id");
  const uint32_t batch = std::max(1u, request.batch());
  if (batch > context.maxBatch)
    throw Error(ExitCode::InvalidInput,
                fmt::format("{} inferences in one request, at most {} are allowed", batch,
                            context.maxBatch),
                "send fewer at a time; the server's --max-group is the limit");
  SecretVector<uint8_t> shares(batch * context.inputBytes);
  enterIdle(); // since the request came
  connection->receiveData(shares, context.timeout);
  leaveIdle();
  spdlog::debug("request {}: received from {}", shortName(id), connection->peerText());
  Jobs jobs;
  for (uint32_t i = 0; i < batch; ++i) {
    auto &job = jobs.emplace_back(std::make_unique<Job>());
    job->id = id;
    for (unsigned byte = 0; byte < 4; ++byte) // random ids stay different
      job->id[12 + byte] ^= static_cast<uint8_t>(i >> 8 * byte);
    job->client = connection->peerRole();
    auto mine = std::span(shares).subspan(i * context.inputBytes, context.inputBytes);
    job->inputShares.assign(mine.begin(), mine.end());
  }
  return jobs;
}

Result ClientSession::await(std::future<Result> &future, const JobId &id) {
  // Once started, a request ends in bounded time, for every exchange has its own timeout.
  // One that was taken may come back to wait for a later group.
  while (future.wait_for(context.timeout) == std::future_status::timeout)
    if (context.queue->withdraw(id))
      throw Error(ExitCode::Network,
                  fmt::format("request {} was not started in time", shortName(id)),
                  context.party == Party::Zero ? "is server 1 up, and connected to server 0?"
                                               : "did server 0 receive the request too?");
  return future.get();
}

} // namespace gfs::serve
