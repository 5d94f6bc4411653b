// SPDX-License-Identifier: Apache-2.0
// How long a wait for the peer polls before it sleeps.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

namespace gfs {

/// Polling saves the wake-up of a sleeping thread: 20 to 50 microseconds on a server whose
/// processor would otherwise idle, at every exchange. It costs whoever else needs that processor.
/// So a wait polls only for a limited time, not at all while this process has other work to do,
/// and, where that time was in vain (the peer computes for long, is far away, or waits for this
/// very processor), the next 1, 2, 4, ... waits sleep at once.
///
/// Used by one thread.
class Spin {
public:
  /// How long waits poll where nobody says otherwise. In a virtual machine a processor that slept
  /// comes back slower than by its wake-up alone.
  static constexpr std::chrono::microseconds usual{1000};

  /// Waits poll for at most `most`, which may be 0, and not at all while `busy`, if given, is set.
  explicit Spin(std::chrono::microseconds most = {}, const std::atomic<bool> *busy = nullptr)
      : most(most), busy(busy) {}

  /// How long the wait that begins now is to poll.
  std::chrono::microseconds next() {
    if (most.count() == 0 || (busy && *busy))
      return {};
    if (pause > 0) {
      --pause;
      return {};
    }
    return most;
  }
  /// What was waited for came while polling, or did not.
  void ended(bool came) {
    lastPause = came ? 0 : std::clamp(2 * lastPause, 1U, mostPause);
    pause = lastPause;
  }

private:
  /// A peer that needs our processor, or is a network away, costs a 64th of the time to poll.
  static constexpr unsigned mostPause = 64;

  std::chrono::microseconds most;
  const std::atomic<bool> *busy;
  unsigned pause = 0, lastPause = 0; ///< Waits that sleep at once.
};

/// Calls `poll` until it returns true, for as long as `spin` allows. Returns what it returned last,
/// false if it was not called.
template <class Poll> bool spinUntil(Spin &spin, Poll &&poll) {
  const std::chrono::microseconds time = spin.next();
  if (time.count() == 0)
    return false;
  const auto end = std::chrono::steady_clock::now() + time;
  bool came = false;
  do
    came = poll();
  while (!came && std::chrono::steady_clock::now() < end);
  spin.ended(came);
  return came;
}

} // namespace gfs
