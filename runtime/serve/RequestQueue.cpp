// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/RequestQueue.h"

namespace gfs::serve {

std::string shortName(const JobId &id) {
  std::string text;
  for (size_t i = 0; i < 4; ++i)
    text += fmt::format("{:02x}", id[i]);
  return text;
}

RequestQueue::Jobs::iterator RequestQueue::find(const JobId &id) {
  return std::find_if(jobs.begin(), jobs.end(), [&](const auto &job) { return job->id == id; });
}

std::future<Result> RequestQueue::submit(std::unique_ptr<Job> job) {
  std::lock_guard lock(mutex);
  if (closed)
    throw *closed;
  if (jobs.size() >= capacity)
    throw Error(ExitCode::Network,
                fmt::format("busy: {} requests are waiting already", jobs.size()),
                "try again later");
  if (find(job->id) != jobs.end())
    throw Error(ExitCode::InvalidInput, "a request with this id is waiting already",
                "draw a new id for every request");
  std::future<Result> result = job->promise.get_future();
  jobs.push_back(std::move(job));
  changed.notify_all();
  return result;
}

std::unique_ptr<Job> RequestQueue::next(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex);
  changed.wait_for(lock, timeout, [&] { return closed || !jobs.empty(); });
  if (jobs.empty())
    return nullptr;
  std::unique_ptr<Job> job = std::move(jobs.front());
  jobs.pop_front();
  return job;
}

std::unique_ptr<Job> RequestQueue::take(const JobId &id, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex);
  changed.wait_for(lock, timeout, [&] { return closed || find(id) != jobs.end(); });
  auto found = find(id);
  if (found == jobs.end())
    return nullptr;
  std::unique_ptr<Job> job = std::move(*found);
  jobs.erase(found);
  return job;
}

bool RequestQueue::withdraw(const JobId &id) {
  std::lock_guard lock(mutex);
  auto found = find(id);
  if (found == jobs.end())
    return false;
  jobs.erase(found);
  return true;
}

bool RequestQueue::empty() const {
  std::lock_guard lock(mutex);
  return jobs.empty();
}

void RequestQueue::close(const Error &reason) {
  std::lock_guard lock(mutex);
  closed = reason;
  for (auto &job : jobs)
    job->promise.set_exception(std::make_exception_ptr(reason));
  jobs.clear();
  changed.notify_all();
}

} // namespace gfs::serve
