// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Stock.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

namespace gfs::serve {

/// A tenth of a processor beside a pass that wants all of it: little enough not to slow the pass
/// down, enough to end a step soon when a pass waits for it and other programs keep the processor.
static constexpr int preparingNice = 10;

Stock::Stock(uint64_t end, uint64_t mostBytes, Read read, Advance advance, StockState &state)
    : end(end), mostBytes(mostBytes), read(std::move(read)), advance(std::move(advance)),
      state(state), worker([this](const std::stop_token &stop) { work(stop); }) {}

Stock::~Stock() {
  worker.request_stop();
  worker.join();
  state.working = false;
  state.ready = 0;
}

void Stock::countReady() {
  state.ready = static_cast<uint64_t>(std::ranges::count_if(
      records, [](const Records::value_type &record) { return record.second.complete; }));
}

void Stock::aim(uint64_t serial) {
  std::lock_guard lock(mutex);
  target = stale = serial;
  aimed = true;
  bad.erase(bad.begin(), bad.lower_bound(serial));
  std::erase_if(records, [&](const Records::value_type &record) {
    // The thread drops what it works on itself.
    return record.first < serial && record.second.state == Record::Here;
  });
  countReady();
  changed.notify_all();
}

uint64_t Stock::load(uint64_t first, uint64_t count) {
  Lock lock(mutex);
  wantedEnd = first + count;
  changed.notify_all();
  uint64_t loaded = 0;
  try {
    for (; loaded < count; ++loaded) {
      wanted = first + loaded + 1; // this one is ours
      loadOne(first + loaded, lock);
    }
  } catch (...) {
    if (loaded == 0) {
      wantedEnd = 0;
      throw;
    }
  }
  wantedEnd = 0;
  return loaded;
}

void Stock::loadOne(uint64_t serial, Lock &lock) {
  auto found = records.end();
  changed.wait(lock, [&] {
    found = records.find(serial);
    return found == records.end() || found->second.state != Record::Reading;
  });
  if (found == records.end())
    readRecord(serial, lock);
}

std::vector<Prepared> Stock::take(uint64_t first, uint64_t count) {
  Lock lock(mutex);
  // From here on the thread begins nothing of what is handed out.
  target = std::max(target, first + count);
  lastGroup = count;
  passing = true;
  std::vector<Prepared> taken;
  for (uint64_t serial = first; serial < first + count; ++serial) {
    auto found = records.end();
    changed.wait(lock, [&] {
      found = records.find(serial);
      return found == records.end() || found->second.state == Record::Here;
    });
    check(found != records.end(), "running a request whose material was not loaded");
    taken.push_back(std::move(*found->second.prepared));
    records.erase(found);
  }
  countReady();
  return taken;
}

void Stock::ended() {
  std::lock_guard lock(mutex);
  passing = false;
  changed.notify_all();
}

bool Stock::nextIsComplete() const {
  for (uint64_t serial = target; serial < std::min(end, target + std::min(depth(), lastGroup));
       ++serial) {
    auto found = records.find(serial);
    if (found == records.end() ? !bad.contains(serial) : !found->second.complete)
      return false;
  }
  return true;
}

uint64_t Stock::depth() const {
  if (mostBytes == 0)
    return 0;
  if (eachBytes == 0)
    return 1;
  return std::clamp<uint64_t>(mostBytes / eachBytes, 1, std::max(mostAhead, lastGroup));
}

std::optional<uint64_t> Stock::lastWanted() const {
  for (uint64_t serial = wantedEnd; serial-- > wanted;)
    if (!records.contains(serial) && !bad.contains(serial))
      return serial;
  return std::nullopt;
}

std::optional<uint64_t> Stock::choose() const {
  if (std::optional<uint64_t> serial = lastWanted())
    return serial;
  if (!aimed || (passing && nextIsComplete()))
    return std::nullopt;
  const uint64_t last = std::min(end, target + depth());
  for (uint64_t serial = target; serial < last; ++serial) {
    auto found = records.find(serial);
    if (found == records.end() ? !bad.contains(serial)
                               : found->second.state == Record::Here && !found->second.complete)
      return serial;
  }
  return std::nullopt;
}

void Stock::work(const std::stop_token &stop) {
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_BATCH, &none); // does not interrupt a pass when it wakes up
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), preparingNice);
  Lock lock(mutex);
  std::optional<uint64_t> serial;
  auto next = [&] {
    serial = choose();
    state.working = serial.has_value();
    return serial.has_value();
  };
  while (changed.wait(lock, stop, next)) {
    if (stop.stop_requested())
      return;
    try {
      if (records.contains(*serial))
        prepareStep(*serial, lock);
      else
        readRecord(*serial, lock);
    } catch (const std::exception &error) {
      spdlog::debug("preparing serial {} ahead: {}", *serial, error.what());
      bad.insert(*serial);
    }
    if (*serial < stale) // aim() could not drop it while it was in work
      records.erase(*serial);
    countReady();
  }
}

template <class Work> void Stock::unlocked(uint64_t serial, Lock &lock, Work work) {
  lock.unlock();
  try {
    work();
  } catch (...) {
    lock.lock();
    records.erase(serial);
    changed.notify_all();
    throw;
  }
  lock.lock();
  changed.notify_all();
}

void Stock::readRecord(uint64_t serial, Lock &lock) {
  records[serial];
  std::optional<Prepared> prepared;
  unlocked(serial, lock, [&] { prepared = read(serial); });
  Record &record = records.at(serial);
  record.prepared = std::move(prepared);
  record.state = Record::Here;
  eachBytes = std::max(eachBytes, record.prepared->memoryBytes());
}

void Stock::prepareStep(uint64_t serial, Lock &lock) {
  Record &record = records.at(serial); // stays where it is
  record.state = Record::Preparing;
  bool isMore = true;
  unlocked(serial, lock, [&] { isMore = advance(*record.prepared); });
  record.complete = !isMore;
  record.state = Record::Here;
  eachBytes = std::max(eachBytes, record.prepared->memoryBytes());
}

} // namespace gfs::serve
