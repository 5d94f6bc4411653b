// SPDX-License-Identifier: Apache-2.0
// Threads that help a caller with parts of its work.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gfs {

/// Processors this process may run on (sched_getaffinity); at least 1.
unsigned availableProcessors();

class ThreadPool {
public:
  /// `threads` count the caller: with 1 nothing is started and everything runs in the calling
  /// thread.
  explicit ThreadPool(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned threads() const { return static_cast<unsigned>(workers.size()) + 1; }

  /// Calls body(0), ..., body(parts - 1), each once, in any order, some at the same time, and
  /// returns when all have returned. Throws what a part threw, after all have ended; parts not
  /// begun then are left out. Several threads may call this at the same time: whoever calls works
  /// on his own parts, so that nobody waits for a thread of the pool.
  void run(uint64_t parts, const std::function<void(uint64_t)> &body);

private:
  struct Job;
  void help();

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Job *> jobs; ///< With parts left to begin.
  bool stopping = false;
  std::vector<std::thread> workers;
};

} // namespace gfs
