// SPDX-License-Identifier: Apache-2.0
// Records in memory, prepared ahead of the requests that will use them.
#pragma once

#include "runtime/exec/Prepared.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>

namespace gfs::serve {

/// What a Stock is at; from any thread.
struct StockState {
  std::atomic<bool> working = false; ///< The thread neither waits nor is about to.
  std::atomic<uint64_t> ready = 0;   ///< Records with nothing left to prepare, not handed out.
};

/// Reads and prepares records on a thread of its own, step by step, so that the processor does it
/// while exchanges wait for the network and while nobody asks. Preparing uses nothing up: what is
/// sent depends on a record only after its serial was claimed, which is the caller's business.
///
/// The thread's low priority lets a pass on the same processor go first, and while the next
/// request, or group as large as the last, is prepared already, it begins nothing beside a pass. So
/// nobody waits for it longer than for the step, or the reading, that it is at: a record is handed
/// out as it is, and the pass does the rest.
///
/// All calls come from one other thread.
class Stock {
public:
  /// A record in memory, with nothing prepared.
  using Read = std::function<Prepared(uint64_t serial)>;
  /// Prepares one more step; returns whether there is another.
  using Advance = std::function<bool(Prepared &)>;
  /// Records kept ahead of requests that come one by one.
  static constexpr uint64_t mostAhead = 4;

  /// `state` is kept up to date, and must outlive the stock. Serials end at `end`. Ahead are kept
  /// mostAhead records, or as many as the last group took, in no more than `mostBytes`; one record
  /// whatever its size, none if `mostBytes` is 0. Both functions may be called by two threads at
  /// once, for different records.
  Stock(uint64_t end, uint64_t mostBytes, Read read, Advance advance, StockState &state);
  ~Stock();

  /// From now on serials below `serial` are of no use, and those from it on are prepared.
  void aim(uint64_t serial);
  /// Has the records of serials [first, first + count) in memory when it returns, or those before
  /// one that cannot be read; returns how many. Throws what reading the first throws. Caller and
  /// thread read at the same time, from both ends.
  uint64_t load(uint64_t first, uint64_t count = 1);
  /// Hands out the loaded records of serials [first, first + count), prepared as far as they are.
  /// A pass begins that will use them; ended() ends it.
  std::vector<Prepared> take(uint64_t first, uint64_t count);
  void ended();

private:
  struct Record {
    enum { Reading, Here, Preparing } state = Reading;
    bool complete = false;
    std::optional<Prepared> prepared; ///< Unless it is being read.
  };
  using Records = std::map<uint64_t, Record>;
  using Lock = std::unique_lock<std::mutex>;

  void work(const std::stop_token &stop);
  /// What the thread works on next; nothing if enough is done.
  std::optional<uint64_t> choose() const;
  /// The last record that load() wants and nobody has begun to read.
  std::optional<uint64_t> lastWanted() const;
  void loadOne(uint64_t serial, Lock &lock);
  /// Whether all of a group as large as the last is prepared.
  bool nextIsComplete() const;
  /// Both unlock while they work. The record is gone if they throw.
  void readRecord(uint64_t serial, Lock &lock);
  void prepareStep(uint64_t serial, Lock &lock);
  template <class Work> void unlocked(uint64_t serial, Lock &lock, Work work);
  uint64_t depth() const;
  void countReady();

  const uint64_t end, mostBytes;
  const Read read;
  const Advance advance;
  std::mutex mutex;
  std::condition_variable_any changed;
  Records records;
  std::set<uint64_t> bad; ///< Could not be read or prepared ahead: left to load() to report.
  uint64_t target = 0;    ///< The lowest serial to read or prepare ahead.
  uint64_t stale = 0;     ///< Records below are of no use.
  uint64_t wanted = 0, wantedEnd = 0; ///< Serials that load() waits for.
  bool aimed = false;
  bool passing = false; ///< Between take() and ended().
  StockState &state;
  uint64_t lastGroup = 0; ///< Records taken together.
  uint64_t eachBytes = 0; ///< Of a record, the most seen; 0: none was read.
  std::jthread worker;
};

} // namespace gfs::serve
