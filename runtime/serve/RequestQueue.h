// SPDX-License-Identifier: Apache-2.0
// Requests that clients have handed in and that wait for the two servers to run them.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/base/Secret.h"
#include "runtime/serve/serve.pb.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace gfs::serve {

using JobId = std::array<uint8_t, 16>;

/// "3fa9c1d2": enough of an id to find it in both servers' logs.
std::string shortName(const JobId &id);

/// What a client gets back.
struct Result {
  SecretVector<uint8_t> outputShares;
  Stats stats;
};

/// One request of one client at this server.
struct Job {
  JobId id{};
  std::string client; ///< Role of who asked.
  SecretVector<uint8_t> inputShares;
  std::chrono::steady_clock::time_point arrival = std::chrono::steady_clock::now();
  std::promise<Result> promise;
};

using Jobs = std::vector<std::unique_ptr<Job>>;

/// What a pass waits for before it begins: the clients of the pass before ask again as soon as they
/// have their answers, and passes of few are dear.
struct Gathering {
  size_t expected = 1;                           ///< Requests that are enough.
  std::chrono::steady_clock::time_point until{}; ///< From then on fewer are.
};

/// Bounded, first in first out. Where it is full, clients with many requests in it give way to one
/// with fewer: their newest requests fail. Thread-safe.
class RequestQueue {
public:
  explicit RequestQueue(size_t capacity) : capacity(capacity) {}

  /// Throws Network if the queue is full or closed, InvalidInput if the id is waiting already.
  std::future<Result> submit(std::unique_ptr<Job> job);
  /// All or none of them, next to each other.
  std::vector<std::future<Result>> submit(Jobs jobs);
  /// The oldest requests, at most `most`, as soon as there is one and `gathering` is satisfied;
  /// none after `timeout` or once closed. Used by server 0.
  Jobs next(size_t most, std::chrono::milliseconds timeout, const Gathering &gathering = {});
  /// The request with this id, as soon as it is here; null after `timeout` or once closed. Used by
  /// server 1.
  std::unique_ptr<Job> take(const JobId &id, std::chrono::milliseconds timeout);
  /// Waits for any of these, `timeout` at most.
  void awaitAny(std::span<const JobId> ids, std::chrono::milliseconds timeout);
  /// Returns requests that were taken and cannot run yet to the front, in this order.
  void putBack(Jobs jobs);
  /// The same to the end: whoever waits behind them does not wait for them.
  void putLast(Jobs jobs);
  /// Takes a request out again if nobody has started it.
  bool withdraw(const JobId &id);
  size_t size() const;
  /// Fails all that wait, and all that come.
  void close(const Error &reason);

private:
  using Waiting = std::deque<std::unique_ptr<Job>>;
  Waiting::iterator find(const JobId &id);
  /// For so many requests of a client; with `mutex`. Throws Network if there is none to be had.
  void makeRoom(const std::string &client, size_t count);

  const size_t capacity;
  mutable std::mutex mutex;
  std::condition_variable changed;
  Waiting jobs;
  std::optional<Error> closed;
};

} // namespace gfs::serve
