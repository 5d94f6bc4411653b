// SPDX-License-Identifier: Apache-2.0
// What both servers do on the link between them; Leader.cpp and Follower.cpp say what each does.
//
// One pass: server 0 picks the requests that wait and, from the higher of both cursors on, a serial
// for each, and asks server 1 to start. Server 1 finds its halves, declines the requests whose half
// is not here yet (they wait behind the others, for some seconds at most), claims the serials
// (durable from then on), and accepts. Server 0 claims too. Only then does the first byte that
// depends on the material leave either machine. A pass that fails from there on leaves its serials
// burnt at both.
//
// Serials are those of the set of material in use, the same at both. Server 0 changes it when it is
// used up, or after a greeting in which the servers have named different ones.
#include "runtime/net/ThrottledChannel.h"
#include "runtime/serve/Server.h"

#include <spdlog/spdlog.h>

namespace gfs::serve {

Error asError(const std::exception &cause) {
  if (auto *error = dynamic_cast<const Error *>(&cause))
    return *error;
  spdlog::error("{}", cause.what());
  return Error(ExitCode::Failure, "the server failed", "see its log");
}

Spin Server::polling() const { return Spin(options.spin, &engine.preparingAhead()); }

PeerFacts Server::facts() const {
  return {engine.party(),      engine.planHash(), engine.modelId(),
          engine.materialId(), engine.cursor(),   options.throttle ? options.throttle->text() : ""};
}

Server::LinkedScope::LinkedScope(Server &server, PeerLink &link) : server(server) {
  Engine &engine = server.engine;
  spdlog::info("linked to {}, next serial {}", link.connection().peerText(),
               std::max(engine.cursor(), link.peerCursor()));
  link.connection().setSpin(server.polling());
  bool first = false;
  {
    std::lock_guard lock(server.mutex);
    server.currentPeer = &link.connection();
    if (server.stopping())
      server.currentPeer->interrupt();
    first = !std::exchange(server.wasLinked, true);
    ++server.counted.links;
  }
  if (first)
    server.options.onReady();
}

Server::LinkedScope::~LinkedScope() {
  std::lock_guard lock(server.mutex);
  server.currentPeer = nullptr;
  server.executing = false;
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
  const std::unique_ptr<Channel> channel = makeChannel(link.connection(), options.timeout);
  try {
    std::unique_ptr<Channel> slow;
    if (options.throttle)
      slow = makeThrottledChannel(*channel, *options.throttle, polling());
    std::vector<GroupRequest> group;
    for (size_t i = 0; i < jobs.size(); ++i)
      group.push_back(
          {jobs[i]->inputShares, link.requestSeed(jobs[i]->id, engine.materialId(), serial + i)});
    std::vector<Result> results = engine.run(serial, group, slow ? *slow : *channel);
    cameMeanwhile = queue.size();
    counted.onlineSeconds.observe(results[0].stats.online_ms() / 1e3);
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
  counted.count(channel->counters());
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
