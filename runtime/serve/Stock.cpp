// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Stock.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <chrono>
#include <sched.h>
#include <spdlog/spdlog.h>

namespace gfs::serve {

Stock::Stock(uint64_t end, Read read, Prepare prepare)
    : end(end), read(std::move(read)), prepare(std::move(prepare)),
      worker([this](const std::stop_token &stop) { work(stop); }) {}

void Stock::aim(uint64_t serial) {
  std::lock_guard lock(mutex);
  target = serial;
  aimed = true;
  bad.erase(bad.begin(), bad.lower_bound(serial));
  std::erase_if(records, [&](const Records::value_type &record) {
    bool inWork =
        record.second.state == Record::Reading || record.second.state == Record::Preparing;
    return record.first < serial && !inWork; // the thread drops what it works on itself
  });
  changed.notify_all();
}

void Stock::load(uint64_t serial) {
  Lock lock(mutex);
  auto found = records.end();
  changed.wait(lock, [&] {
    found = records.find(serial);
    return found == records.end() || found->second.state != Record::Reading;
  });
  if (found != records.end())
    return;
  records[serial];
  readRecord(serial, lock);
}

std::vector<Prepared> Stock::take(uint64_t first, uint64_t count, double &seconds) {
  Lock lock(mutex);
  const auto start = std::chrono::steady_clock::now();
  bool waited = false;
  for (;;) {
    uint64_t ready = 0;
    std::optional<uint64_t> undone;
    for (uint64_t serial = first; serial < first + count; ++serial) {
      auto found = records.find(serial);
      check(found != records.end(), "running a request whose material was not loaded");
      if (found->second.state == Record::Ready)
        ++ready;
      else if (found->second.state == Record::Loaded && !undone)
        undone = serial;
    }
    if (ready == count)
      break;
    waited = true;
    if (undone)
      prepareRecord(*undone, lock);
    else
      changed.wait(lock);
  }
  if (waited)
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  // What is handed out is of no more use here: else the thread would prepare it once more.
  target = std::max(target, first + count);
  std::vector<Prepared> taken;
  for (uint64_t serial = first; serial < first + count; ++serial)
    taken.push_back(std::move(*records.extract(serial).mapped().prepared));
  return taken;
}

std::optional<uint64_t> Stock::choose() const {
  for (const auto &[serial, record] : records)
    if (record.state == Record::Loaded)
      return serial;
  if (aimed)
    for (uint64_t serial = target; serial < std::min(end, target + depth); ++serial)
      if (!records.contains(serial) && !bad.contains(serial))
        return serial;
  return std::nullopt;
}

void Stock::work(const std::stop_token &stop) {
  // A pass that runs goes first when it wakes up, but whoever waits for this thread waits no longer
  // than for any other, whatever else the machine does: so no lower priority.
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_BATCH, &none);
  Lock lock(mutex);
  std::optional<uint64_t> serial;
  while (changed.wait(lock, stop, [&] { return (serial = choose()).has_value(); })) {
    if (stop.stop_requested())
      return;
    try {
      if (records[*serial].state == Record::Reading)
        readRecord(*serial, lock);
      prepareRecord(*serial, lock);
    } catch (const std::exception &error) {
      spdlog::debug("preparing serial {} ahead: {}", *serial, error.what());
      bad.insert(*serial);
    }
    if (*serial < target)
      records.erase(*serial);
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
  SecretVector<uint8_t> payload;
  unlocked(serial, lock, [&] { payload = read(serial); });
  Record &record = records.at(serial);
  record.payload = std::move(payload);
  record.state = Record::Loaded;
}

void Stock::prepareRecord(uint64_t serial, Lock &lock) {
  Record &record = records.at(serial); // stays where it is
  if (record.state != Record::Loaded)
    return; // the other thread was faster
  record.state = Record::Preparing;
  std::optional<Prepared> prepared;
  unlocked(serial, lock, [&] { prepared = prepare(serial, std::move(record.payload)); });
  depth = std::clamp<uint64_t>(mostBytes / std::max<uint64_t>(1, prepared->memoryBytes()), 1,
                               mostAhead);
  record.prepared = std::move(prepared);
  record.state = Record::Ready;
}

} // namespace gfs::serve
