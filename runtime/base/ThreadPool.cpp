// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/ThreadPool.h"

#include <algorithm>
#include <atomic>
#include <exception>

#include <sched.h>

namespace gfs {

unsigned availableProcessors() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    return static_cast<unsigned>(std::max(1, CPU_COUNT(&allowed)));
  return std::max(1u, std::thread::hardware_concurrency()); // more than CPU_SETSIZE processors
}

/// Parts of one call of run(). Lives in the caller's frame; `helpers` keeps it alive.
struct ThreadPool::Job {
  uint64_t parts;
  const std::function<void(uint64_t)> &body;
  std::atomic<uint64_t> next = 0;
  unsigned helpers = 0;            ///< Workers in work(); guarded by the pool's mutex.
  std::exception_ptr failure = {}; ///< The first; guarded by failureMutex.
  std::mutex failureMutex = {};

  void work() {
    for (uint64_t part; (part = next++) < parts;)
      try {
        body(part);
      } catch (...) {
        next = parts;
        std::lock_guard lock(failureMutex);
        if (!failure)
          failure = std::current_exception();
      }
  }
};

ThreadPool::ThreadPool(unsigned threads) {
  for (unsigned i = 1; i < threads; ++i)
    workers.emplace_back([this] { help(); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex);
    stopping = true;
  }
  changed.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::run(uint64_t parts, const std::function<void(uint64_t)> &body) {
  Job job{parts, body};
  if (workers.empty() || parts <= 1) {
    job.work();
  } else {
    {
      std::lock_guard lock(mutex);
      jobs.push_back(&job);
    }
    changed.notify_all();
    job.work();
    std::unique_lock lock(mutex);
    std::erase(jobs, &job);
    changed.wait(lock, [&] { return job.helpers == 0; });
  }
  if (job.failure)
    std::rethrow_exception(job.failure);
}

void ThreadPool::help() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [&] { return stopping || !jobs.empty(); });
    if (stopping)
      return;
    Job *job = jobs.front();
    ++job->helpers;
    lock.unlock();
    job->work();
    lock.lock();
    std::erase(jobs, job); // nothing is left to begin
    if (--job->helpers == 0)
      changed.notify_all();
  }
}

} // namespace gfs
