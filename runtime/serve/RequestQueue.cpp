// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/RequestQueue.h"

#include <algorithm>
#include <map>

namespace gfs::serve {

std::string shortName(const JobId &id) {
  std::string text;
  for (size_t i = 0; i < 4; ++i)
    text += fmt::format("{:02x}", id[i]);
  return text;
}

RequestQueue::Waiting::iterator RequestQueue::find(const JobId &id) {
  return std::find_if(jobs.begin(), jobs.end(), [&](const auto &job) { return job->id == id; });
}

std::future<Result> RequestQueue::submit(std::unique_ptr<Job> job) {
  Jobs one;
  one.push_back(std::move(job));
  return std::move(submit(std::move(one)).front());
}

void RequestQueue::makeRoom(const std::string &client, size_t count) {
  if (jobs.size() + count <= capacity)
    return;
  const Error busy(ExitCode::Network,
                   fmt::format("busy: {} requests are waiting already", jobs.size()),
                   "try again later");
  std::map<std::string, size_t> waiting;
  for (const auto &job : jobs)
    ++waiting[job->client];
  const size_t mine = waiting[client] + count;
  size_t spare = 0; // what others have above that
  for (const auto &[other, many] : waiting)
    spare += many > mine ? many - mine : 0;
  if (jobs.size() + count > capacity + spare)
    throw busy;
  while (jobs.size() + count > capacity) {
    auto most = std::ranges::max_element(waiting, {}, [](const auto &each) { return each.second; });
    auto newest = std::find_if(jobs.rbegin(), jobs.rend(),
                               [&](const auto &job) { return job->client == most->first; });
    (*newest)->promise.set_exception(std::make_exception_ptr(busy));
    jobs.erase(std::next(newest).base());
    --most->second;
  }
}

std::vector<std::future<Result>> RequestQueue::submit(Jobs added) {
  std::lock_guard lock(mutex);
  if (closed)
    throw *closed;
  for (const auto &job : added)
    if (find(job->id) != jobs.end())
      throw Error(ExitCode::InvalidInput, "a request with this id is waiting already",
                  "draw a new id for every request");
  if (!added.empty())
    makeRoom(added.front()->client, added.size());
  std::vector<std::future<Result>> results;
  for (auto &job : added) {
    results.push_back(job->promise.get_future());
    jobs.push_back(std::move(job));
  }
  changed.notify_all();
  return results;
}

Jobs RequestQueue::next(size_t most, std::chrono::milliseconds timeout,
                        const Gathering &gathering) {
  std::unique_lock lock(mutex);
  changed.wait_for(lock, timeout, [&] { return closed || !jobs.empty(); });
  if (!jobs.empty())
    changed.wait_until(lock, gathering.until,
                       [&] { return closed || jobs.size() >= std::min(most, gathering.expected); });
  auto end = jobs.begin() + static_cast<ptrdiff_t>(std::min(most, jobs.size()));
  Jobs oldest(std::make_move_iterator(jobs.begin()), std::make_move_iterator(end));
  jobs.erase(jobs.begin(), end);
  return oldest;
}

void RequestQueue::putBack(Jobs returned) {
  std::lock_guard lock(mutex);
  for (auto job = returned.rbegin(); job != returned.rend(); ++job)
    if (closed)
      (*job)->promise.set_exception(std::make_exception_ptr(*closed));
    else
      jobs.push_front(std::move(*job));
  changed.notify_all();
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

void RequestQueue::putLast(Jobs returned) {
  std::lock_guard lock(mutex);
  for (auto &job : returned)
    if (closed)
      job->promise.set_exception(std::make_exception_ptr(*closed));
    else
      jobs.push_back(std::move(job));
  changed.notify_all();
}

void RequestQueue::awaitAny(std::span<const JobId> ids, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex);
  changed.wait_for(lock, timeout, [&] {
    return closed ||
           std::ranges::any_of(ids, [&](const JobId &id) { return find(id) != jobs.end(); });
  });
}

bool RequestQueue::withdraw(const JobId &id) {
  std::lock_guard lock(mutex);
  auto found = find(id);
  if (found == jobs.end())
    return false;
  jobs.erase(found);
  return true;
}

size_t RequestQueue::size() const {
  std::lock_guard lock(mutex);
  return jobs.size();
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
