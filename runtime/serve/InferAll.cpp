// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/InferAll.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <thread>

namespace gfs::serve {

namespace {

using Clients = std::vector<std::unique_ptr<Client>>;

/// `count` clients beside the first, connected at the same time.
Clients connectMore(unsigned count, const plan::LoadedPlan &plan, const ClientOptions &options) {
  std::vector<std::future<std::unique_ptr<Client>>> coming;
  for (unsigned i = 0; i < count; ++i)
    coming.push_back(
        std::async(std::launch::async, [&] { return std::make_unique<Client>(plan, options); }));
  Clients clients;
  try {
    for (auto &client : coming)
      clients.push_back(client.get());
  } catch (const Error &error) {
    if (error.code() != ExitCode::Network)
      throw;
    throw Error(ExitCode::Network,
                fmt::format("{} requests in flight: {}", count + 1, error.what()),
                "the servers take no more connections than their --max-clients: lower --in-flight");
  }
  return clients;
}

/// What the clients' threads share: who takes which inferences, and what came of them.
class Run {
public:
  Run(const plan::LoadedPlan &plan, const ClientOptions &options, Workload &workload,
      uint64_t together, Milliseconds retryFor, const InferEvents &events)
      : plan(plan), options(options), workload(workload), together(together), retryFor(retryFor),
        events(events), costs(workload.requests()) {}

  /// One client's part: takes inferences until there are none, or something failed.
  void work(std::unique_ptr<Client> client) noexcept {
    try {
      for (Range taken; (taken = take()).count > 0;)
        store(taken.first, inferPatiently(client, workload.groupFrom(taken.first, taken.count)));
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!failure)
        failure = std::current_exception();
    }
  }

  std::vector<RequestCost> result() {
    if (failure)
      std::rethrow_exception(failure);
    if (done < workload.requests())
      throw interrupted();
    return std::move(costs);
  }

private:
  using Clock = std::chrono::steady_clock;
  static constexpr Milliseconds retryPause{500};

  struct Range {
    uint64_t first = 0, count = 0;
  };
  Range take() {
    std::lock_guard lock(mutex);
    const bool ends = failure || options.stop.stop_requested();
    const uint64_t left = ends ? 0 : workload.requests() - next;
    const Range taken{next, std::min(together, left)};
    next += taken.count;
    return taken;
  }

  /// A server that restarts, or a cable that is pulled for a moment, ends no run: the request is
  /// made anew on a new connection, since a client that failed cannot be used again.
  std::vector<Answer> inferPatiently(std::unique_ptr<Client> &client,
                                     std::span<const std::vector<ClearWords>> batch) {
    for (std::optional<Clock::time_point> lostAt;;) {
      try {
        if (!client)
          client = std::make_unique<Client>(plan, options);
        return client->infer(batch);
      } catch (const Error &error) {
        client.reset();
        if (options.stop.stop_requested())
          throw interrupted();
        if (!lostAt)
          lostAt = Clock::now();
        if (error.code() != ExitCode::Network || Clock::now() - *lostAt >= retryFor)
          throw;
        tellLoss(error);
        std::this_thread::sleep_for(retryPause);
      }
    }
  }

  void tellLoss(const Error &error) {
    std::lock_guard lock(mutex);
    if (!std::exchange(lossTold, true) && events.lost)
      events.lost(error);
  }

  void store(uint64_t first, const std::vector<Answer> &answers) {
    std::lock_guard lock(mutex);
    for (size_t i = 0; i < answers.size(); ++i) {
      workload.setOutputs(first + i, answers[i].outputs);
      costs[first + i] = costOf(answers[i]);
      bytes += costs[first + i].clientBytes;
    }
    done += answers.size();
    lossTold = false;
    events.progress(done, bytes);
  }

  static Error interrupted() {
    return Error(ExitCode::Failure, "interrupted", "what was under way was finished");
  }

  const plan::LoadedPlan &plan;
  const ClientOptions &options;
  std::mutex mutex; ///< Of all that changes.
  Workload &workload;
  const uint64_t together;
  const Milliseconds retryFor;
  const InferEvents &events;
  std::vector<RequestCost> costs;
  uint64_t next = 0, done = 0, bytes = 0;
  bool lossTold = false;
  std::exception_ptr failure; ///< The first.
};

} // namespace

InferredAll inferAll(const plan::LoadedPlan &plan, const ClientOptions &options, Workload &workload,
                     const Pace &pace, const InferEvents &events) {
  auto first = std::make_unique<Client>(plan, options);
  if (first->materialLeft() < workload.requests())
    throw Error(ExitCode::MaterialExhausted,
                fmt::format("the servers have material for {} of {} requests",
                            first->materialLeft(), workload.requests()),
                "deal more with gfsdeal, or use --limit");
  const uint64_t together = std::clamp<uint64_t>(pace.together, 1, first->maxBatch()),
                 requests = (workload.requests() + together - 1) / together;
  const auto more =
      static_cast<unsigned>(std::clamp<uint64_t>(requests, 1, std::max(1U, pace.inFlight)) - 1);
  Clients others = connectMore(more, plan, options);

  Run run(plan, options, workload, together, pace.retryFor, events);
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (auto &client : others)
      threads.emplace_back([&run, &client] { run.work(std::move(client)); });
    run.work(std::move(first));
  }
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  return {run.result(), passed.count()};
}

} // namespace gfs::serve
