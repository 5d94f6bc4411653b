// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/ThrottledChannel.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include <sys/prctl.h>

namespace gfs {

namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::nanoseconds;

/// The clock counts from the machine's start: other machines' differ by more, nearly always.
constexpr std::chrono::minutes sameClock{10};

Nanoseconds nanoseconds(double seconds) { return Nanoseconds(static_cast<int64_t>(seconds * 1e9)); }

/// The kernel rounds wake-ups to 50 us by default, half of a fast network's delay.
void sleepUntil(Clock::time_point time) {
  thread_local const int precise = prctl(PR_SET_TIMERSLACK, 1UL);
  static_cast<void>(precise);
  std::this_thread::sleep_until(time);
}

class ThrottledChannel final : public Channel {
public:
  ThrottledChannel(Channel &inner, const NetworkProfile &profile, Spin spin)
      : inner(inner), profile(profile), spin(spin) {}

  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    begin(outgoing, incoming);
    push(outgoing.size());
    finish();
  }

  void begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    message = outgoing;
    target = incoming;
    stamped = copied = 0;
    sent.resize(stampedBytes(outgoing.size()));
    received.resize(stampedBytes(incoming.size()));
    inner.begin(sent, received);
  }

  void push(size_t bytes) override {
    // Blocks that are complete leave one after another; an empty message is one empty block.
    while (stamped < blocks(message.size()) &&
           std::min((stamped + 1) * block, message.size()) <= bytes) {
      const auto part = blockOf(message, stamped);
      lastDeparture =
          std::max(Clock::now(), lastDeparture) + nanoseconds(profile.sendSeconds(part.size()));
      const Clock::time_point arrival = lastDeparture + nanoseconds(profile.oneWaySeconds());
      const int64_t stamp = Nanoseconds(arrival.time_since_epoch()).count();
      uint8_t *to = &sent[stamped * (header + block)];
      std::memcpy(to, &stamp, header);
      std::copy(part.begin(), part.end(), to + header);
      ++stamped;
      inner.push(std::min(stamped * (header + block), sent.size()));
    }
  }

  void pull(size_t bytes) override {
    const Clock::time_point start = Clock::now();
    receive(std::min((bytes + block - 1) / block, blocks(target.size())));
    count.waitSeconds += std::chrono::duration<double>(Clock::now() - start).count();
  }

  void finish() override {
    const Clock::time_point start = Clock::now();
    receive(blocks(target.size()));
    inner.finish();
    count.exchanges += 1;
    count.payloadSent += message.size();
    count.payloadReceived += target.size();
    count.wireSent = inner.counters().wireSent;
    count.wireReceived = inner.counters().wireReceived;
    count.waitSeconds += std::chrono::duration<double>(Clock::now() - start).count();
  }

  void abandon() noexcept override { inner.abandon(); }

private:
  static constexpr size_t header = sizeof(int64_t);
  /// So much has a time of arrival of its own.
  static constexpr size_t block = 65536;

  static size_t blocks(size_t bytes) { return std::max<size_t>(1, (bytes + block - 1) / block); }
  static size_t stampedBytes(size_t bytes) { return bytes + blocks(bytes) * header; }
  template <class Byte> static std::span<Byte> blockOf(std::span<Byte> all, size_t i) {
    return all.subspan(i * block, std::min(block, all.size() - i * block));
  }

  /// Waits until the first `n` blocks have arrived, as their stamps say.
  void receive(size_t n) {
    for (; copied < n; ++copied) {
      const auto to = blockOf(target, copied);
      const size_t at = copied * (header + block);
      inner.pull(at + header + to.size());
      int64_t stamp = 0;
      std::memcpy(&stamp, &received[at], header);
      const Clock::time_point arrival{Nanoseconds(stamp)};
      requireSameClock(arrival);
      std::copy_n(&received[at + header], to.size(), to.begin());
      waitUntil(arrival);
    }
  }

  void waitUntil(Clock::time_point arrival) {
    auto came = [=] { return Clock::now() >= arrival; };
    if (!came() && !spinUntil(spin, came))
      sleepUntil(arrival);
  }

  void requireSameClock(Clock::time_point arrival) {
    // In numbers: a clock that is far off would overflow the sum of its times.
    const double ahead = std::chrono::duration<double>(arrival - Clock::now()).count();
    if (std::abs(ahead) <= std::chrono::duration<double>(sameClock).count())
      return;
    inner.abandon(); // the peer need not wait
    throw Error(ExitCode::Network,
                "throttled link: the two ends' clocks are not the same, or the link is too slow",
                "--throttle is for two servers on one machine; leave it out, or give a faster "
                "link");
  }

  Channel &inner;
  NetworkProfile profile;
  Spin spin;
  Clock::time_point lastDeparture{};   ///< When the last block has left this end.
  std::vector<uint8_t> sent, received; ///< Block after block, each behind its time of arrival.
  std::span<const uint8_t> message;    ///< Of the exchange that was begun.
  std::span<uint8_t> target;
  size_t stamped = 0, copied = 0; ///< Blocks.
};

} // namespace

std::unique_ptr<Channel> makeThrottledChannel(Channel &inner, const NetworkProfile &profile,
                                              Spin spin) {
  return std::make_unique<ThrottledChannel>(inner, profile, spin);
}

} // namespace gfs
