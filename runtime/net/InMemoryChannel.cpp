// SPDX-License-Identifier: Apache-2.0
// Both ends of a link in one process: a rendezvous in which each thread copies straight from the
// other's buffer.
#include "runtime/base/Error.h"
#include "runtime/net/Channel.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace gfs {

namespace {

/// What the two ends share. A message stays in its sender's memory until the receiver has copied
/// it, so nothing is allocated and a message may be of any size.
struct Rendezvous {
  struct End {
    std::span<const uint8_t> message;
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
  ~InMemoryChannel() override { leave(); }

  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    auto start = std::chrono::steady_clock::now();
    Rendezvous::End &mine = shared->ends[self], &theirs = shared->ends[1 - self];
    std::unique_lock lock(shared->mutex);
    if (mine.gone)
      throw Error(ExitCode::Network, "in-memory link: used after it failed");
    mine.message = outgoing;
    mine.posted = true;
    shared->changed.notify_all();
    shared->changed.wait(lock, [&] { return theirs.posted || theirs.gone; });
    if (!theirs.posted)
      fail(lock, "the peer is gone");
    if (theirs.message.size() != incoming.size())
      fail(lock, fmt::format("expects {} bytes, the peer sends {}", incoming.size(),
                             theirs.message.size()));

    // `copying` keeps the peer inside its exchange(), so its buffer outlives the copy.
    theirs.copying = true;
    lock.unlock();
    std::copy(theirs.message.begin(), theirs.message.end(), incoming.begin());
    lock.lock();
    theirs.posted = theirs.copying = false;
    shared->changed.notify_all();
    shared->changed.wait(lock, [&] { return !mine.posted || (theirs.gone && !mine.copying); });
    if (mine.posted)
      fail(lock, "the peer is gone");

    count.exchanges += 1;
    count.payloadSent += outgoing.size();
    count.payloadReceived += incoming.size();
    count.wireSent += outgoing.size();
    count.wireReceived += incoming.size();
    count.waitSeconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

private:
  void leave() {
    std::lock_guard lock(shared->mutex);
    shared->ends[self].gone = true;
    shared->changed.notify_all();
  }

  /// Withdraws from the link for good, but not before the peer has finished reading our buffer.
  [[noreturn]] void fail(std::unique_lock<std::mutex> &lock, const std::string &cause) {
    Rendezvous::End &mine = shared->ends[self];
    shared->changed.wait(lock, [&] { return !mine.copying; });
    mine.posted = false;
    mine.gone = true;
    shared->changed.notify_all();
    throw Error(ExitCode::Network, fmt::format("in-memory link: {}", cause));
  }

  std::shared_ptr<Rendezvous> shared;
  unsigned self;
};

} // namespace

std::pair<std::unique_ptr<Channel>, std::unique_ptr<Channel>> makeInMemoryChannel() {
  auto shared = std::make_shared<Rendezvous>();
  return {std::make_unique<InMemoryChannel>(shared, 0),
          std::make_unique<InMemoryChannel>(shared, 1)};
}

} // namespace gfs
