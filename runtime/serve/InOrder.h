// SPDX-License-Identifier: Apache-2.0
// Results that several threads make, taken in order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace gfs::serve {

/// Makes make(first), make(first + 1), …, make(end - 1) on `threads` threads of its own, while the
/// owner uses those before. At most 2 · threads results exist at a time, so memory stays bounded
/// however slow the owner is. `make` is called by several threads at once.
template <class Result> class InOrder {
public:
  using Make = std::function<Result(uint64_t)>;

  InOrder(uint64_t first, uint64_t end, unsigned threads, Make make)
      : make(std::move(make)), next(first), wanted(first), end(end), ahead(2 * uint64_t(threads)) {
    for (unsigned i = 0; i < threads && i < end - first; ++i)
      workers.emplace_back([this] { work(); });
  }
  /// Lets results under way end, and drops them.
  ~InOrder() {
    {
      std::lock_guard lock(mutex);
      next = end;
    }
    room.notify_all();
  }

  /// The next result. Throws what make() threw for it.
  Result take() {
    std::unique_lock lock(mutex);
    arrived.wait(lock, [&] { return done.contains(wanted); });
    auto node = done.extract(wanted++);
    lock.unlock();
    room.notify_all();
    if (node.mapped().failure)
      std::rethrow_exception(node.mapped().failure);
    return std::move(*node.mapped().result);
  }

private:
  struct Outcome {
    std::optional<Result> result;
    std::exception_ptr failure;
  };

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      room.wait(lock, [&] { return next >= end || next < wanted + ahead; });
      if (next >= end)
        return;
      const uint64_t mine = next++;
      lock.unlock();
      Outcome outcome;
      try {
        outcome.result.emplace(make(mine));
      } catch (...) {
        outcome.failure = std::current_exception();
      }
      lock.lock();
      done.emplace(mine, std::move(outcome));
      arrived.notify_one();
    }
  }

  const Make make;
  std::mutex mutex;
  std::condition_variable room, arrived;
  std::map<uint64_t, Outcome> done;
  uint64_t next, wanted; ///< To be begun; to be taken.
  const uint64_t end, ahead;
  std::vector<std::jthread> workers; ///< Last: they end before what they use does.
};

} // namespace gfs::serve
