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
  ThrottledChannel(Channel &inner, const NetworkProfile &profile)
      : inner(inner), profile(profile) {}

  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    const Clock::time_point start = Clock::now();
    lastDeparture =
        std::max(start, lastDeparture) + nanoseconds(profile.sendSeconds(outgoing.size()));
    const Clock::time_point theirArrival = lastDeparture + nanoseconds(profile.oneWaySeconds());
    const int64_t stamp = Nanoseconds(theirArrival.time_since_epoch()).count();

    sent.resize(header + outgoing.size());
    received.resize(header + incoming.size());
    std::memcpy(sent.data(), &stamp, header);
    std::copy(outgoing.begin(), outgoing.end(), sent.begin() + header);
    inner.exchange(sent, received);
    int64_t ourStamp = 0;
    std::memcpy(&ourStamp, received.data(), header);
    const Clock::time_point arrival{Nanoseconds(ourStamp)};
    requireSameClock(arrival);
    std::copy(received.begin() + header, received.end(), incoming.begin());
    sleepUntil(arrival);

    count.exchanges += 1;
    count.payloadSent += outgoing.size();
    count.payloadReceived += incoming.size();
    count.wireSent = inner.counters().wireSent;
    count.wireReceived = inner.counters().wireReceived;
    count.waitSeconds += std::chrono::duration<double>(Clock::now() - start).count();
  }

private:
  static constexpr ptrdiff_t header = sizeof(int64_t);

  void requireSameClock(Clock::time_point arrival) const {
    // In numbers: a clock that is far off would overflow the sum of its times.
    const double ahead = std::chrono::duration<double>(arrival - Clock::now()).count();
    if (std::abs(ahead) > std::chrono::duration<double>(sameClock).count())
      throw Error(ExitCode::Network,
                  "throttled link: the two ends' clocks are not the same, or the link is too slow",
                  "--throttle is for two servers on one machine; leave it out, or give a faster "
                  "link");
  }

  Channel &inner;
  NetworkProfile profile;
  Clock::time_point lastDeparture{}; ///< When the last message has left this end.
  std::vector<uint8_t> sent, received;
};

} // namespace

std::unique_ptr<Channel> makeThrottledChannel(Channel &inner, const NetworkProfile &profile) {
  return std::make_unique<ThrottledChannel>(inner, profile);
}

} // namespace gfs
