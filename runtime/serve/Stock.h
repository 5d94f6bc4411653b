// SPDX-License-Identifier: Apache-2.0
// Records in memory, prepared ahead of the requests that will use them.
#pragma once

#include "runtime/exec/PartyExecutor.h"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>

namespace gfs::serve {

/// Reads and prepares records on a thread of its own, of low priority, so that the processor does
/// it while exchanges wait for the network and nobody asks. Preparing uses nothing up: what is sent
/// depends on a record only after its serial was claimed, which is the caller's business.
///
/// All calls come from one other thread, which takes part in the work where it would have to wait.
class Stock {
public:
  using Read = std::function<SecretVector<uint8_t>(uint64_t serial)>;
  using Prepare = std::function<Prepared(uint64_t serial, SecretVector<uint8_t> record)>;
  /// Prepared records kept ahead: at most so many, and so much memory, but at least one.
  static constexpr uint64_t mostAhead = 4, mostBytes = uint64_t(256) << 20;

  /// Serials end at `end`. Both functions are called by two threads at once.
  Stock(uint64_t end, Read read, Prepare prepare);

  /// From now on serials below `serial` are of no use, and those from it on are prepared.
  void aim(uint64_t serial);
  /// Has the record of `serial` in memory when it returns. Throws what reading it throws.
  void load(uint64_t serial);
  /// The prepared records of loaded serials [first, first + count). `seconds`, if there is any work
  /// left: how long they kept the caller.
  std::vector<Prepared> take(uint64_t first, uint64_t count, double &seconds);

private:
  struct Record {
    enum { Reading, Loaded, Preparing, Ready } state = Reading;
    SecretVector<uint8_t> payload; ///< If Loaded.
    std::optional<Prepared> prepared;
  };
  using Records = std::map<uint64_t, Record>;
  using Lock = std::unique_lock<std::mutex>;

  void work(const std::stop_token &stop);
  /// What the thread does next; nothing if enough is done.
  std::optional<uint64_t> choose() const;
  /// Both run unlocked. The record is gone if they throw.
  void readRecord(uint64_t serial, Lock &lock);
  void prepareRecord(uint64_t serial, Lock &lock);
  template <class Work> void unlocked(uint64_t serial, Lock &lock, Work work);

  const uint64_t end;
  const Read read;
  const Prepare prepare;
  std::mutex mutex;
  std::condition_variable_any changed;
  Records records;
  std::set<uint64_t> bad; ///< Could not be read or prepared ahead: left to load() to report.
  uint64_t target = 0;    ///< The lowest serial of use.
  bool aimed = false;
  uint64_t depth = 1; ///< Records to keep ahead; known once one has been prepared.
  std::jthread worker;
};

} // namespace gfs::serve
