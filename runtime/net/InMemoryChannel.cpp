// SPDX-License-Identifier: Apache-2.0
// Both ends of a link in one process: each thread copies straight from the other's buffer, as far
// as it is final.
#include "runtime/base/Error.h"
#include "runtime/net/Channel.h"
#include "runtime/net/Spin.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace gfs {

namespace {

/// What the two ends share. A message stays in its sender's memory until the receiver has copied
/// it, so nothing is allocated and a message may be of any size.
struct Rendezvous {
  struct End {
    std::span<const uint8_t> message;
    size_t final = 0;     ///< So much of `message` may be copied.
    size_t copied = 0;    ///< So much of it the other end has.
    bool posted = false;  ///< `message` waits to be copied by the other end.
    bool copying = false; ///< The other end is reading `message` now.
    bool gone = false;    ///< Destroyed, or failed: no more messages from here.
  };
  std::mutex mutex;
  std::condition_variable changed;
  End ends[2];
};

class InMemoryChannel final : public Channel {
public:
  InMemoryChannel(std::shared_ptr<Rendezvous> shared, unsigned self)
      : shared(std::move(shared)), self(self) {}
  ~InMemoryChannel() override { abandon(); }

  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    begin(outgoing, incoming);
    push(outgoing.size());
    finish();
  }

  void begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    std::lock_guard lock(shared->mutex);
    Rendezvous::End &mine = shared->ends[self];
    if (mine.gone)
      throw Error(ExitCode::Network, "in-memory link: used after it failed");
    target = incoming;
    mine.message = outgoing;
    mine.final = mine.copied = 0;
    mine.posted = true;
    shared->changed.notify_all();
  }

  void push(size_t bytes) override {
    std::lock_guard lock(shared->mutex);
    shared->ends[self].final = bytes;
    shared->changed.notify_all();
  }

  void pull(size_t bytes) override {
    auto start = std::chrono::steady_clock::now();
    std::unique_lock lock(shared->mutex);
    Rendezvous::End &theirs = shared->ends[1 - self];
    while (pulled < bytes) {
      await(lock, [&] { return (theirs.posted && theirs.final > pulled) || theirs.gone; });
      copy(lock);
    }
    wait(start);
  }

  void finish() override {
    auto start = std::chrono::steady_clock::now();
    std::unique_lock lock(shared->mutex);
    Rendezvous::End &mine = shared->ends[self], &theirs = shared->ends[1 - self];
    do { // at least once: empty messages meet, too, and sizes are compared
      await(lock, [&] {
        return (theirs.posted &&
                (theirs.final > pulled || theirs.final == theirs.message.size())) ||
               theirs.gone;
      });
      copy(lock);
    } while (pulled < target.size());
    theirs.posted = false;
    shared->changed.notify_all();
    await(lock, [&] { return !mine.posted || (theirs.gone && !mine.copying); });
    if (mine.posted)
      fail(lock, "the peer is gone");
    pulled = 0;

    count.exchanges += 1;
    count.payloadSent += mine.message.size();
    count.payloadReceived += target.size();
    count.wireSent += mine.message.size();
    count.wireReceived += target.size();
    wait(start);
  }

  void abandon() noexcept override {
    std::unique_lock lock(shared->mutex);
    withdraw(lock);
  }

private:
  /// Copies what the peer has made final.
  void copy(std::unique_lock<std::mutex> &lock) {
    Rendezvous::End &theirs = shared->ends[1 - self];
    if (!theirs.posted)
      fail(lock, "the peer is gone");
    if (theirs.message.size() != target.size())
      fail(lock, fmt::format("expects {} bytes, the peer sends {}", target.size(),
                             theirs.message.size()));
    // `copying` keeps the peer inside its exchange, so its buffer outlives the copy.
    const auto part = theirs.message.subspan(pulled, theirs.final - pulled);
    theirs.copying = true;
    lock.unlock();
    std::copy(part.begin(), part.end(), target.begin() + static_cast<ptrdiff_t>(pulled));
    lock.lock();
    theirs.copying = false;
    pulled += part.size();
    shared->changed.notify_all();
  }

  /// Waits for what the peer does: first polling, then asleep. Each poll offers the processor,
  /// which may be the one that the peer's thread was put on.
  template <class Condition> void await(std::unique_lock<std::mutex> &lock, Condition condition) {
    const bool came = condition() || spinUntil(spin, [&] {
                        lock.unlock();
                        std::this_thread::yield();
                        lock.lock();
                        return condition();
                      });
    if (!came)
      shared->changed.wait(lock, condition);
  }

  void wait(std::chrono::steady_clock::time_point start) {
    count.waitSeconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  /// Leaves the link for good, but not before the peer has finished reading our buffer.
  void withdraw(std::unique_lock<std::mutex> &lock) {
    Rendezvous::End &mine = shared->ends[self];
    shared->changed.wait(lock, [&] { return !mine.copying; });
    mine.posted = false;
    mine.gone = true;
    shared->changed.notify_all();
  }

  [[noreturn]] void fail(std::unique_lock<std::mutex> &lock, const std::string &cause) {
    withdraw(lock);
    throw Error(ExitCode::Network, fmt::format("in-memory link: {}", cause));
  }

  std::shared_ptr<Rendezvous> shared;
  unsigned self;
  /// Both ends are at work in this process, each on a processor of its own where there are two.
  Spin spin{Spin::usual};
  std::span<uint8_t> target; ///< Of the exchange that was begun.
  size_t pulled = 0;         ///< So much of it has been copied.
};

} // namespace

std::pair<std::unique_ptr<Channel>, std::unique_ptr<Channel>> makeInMemoryChannel() {
  auto shared = std::make_shared<Rendezvous>();
  return {std::make_unique<InMemoryChannel>(shared, 0),
          std::make_unique<InMemoryChannel>(shared, 1)};
}

} // namespace gfs
