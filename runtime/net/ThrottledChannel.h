// SPDX-License-Identifier: Apache-2.0
// A channel that behaves like a slower network: for measurements where the kernel cannot shape
// traffic. Both ends must run on one machine, since messages carry the time of their arrival.
#pragma once

#include "runtime/net/Channel.h"
#include "runtime/net/NetworkProfile.h"
#include "runtime/net/Spin.h"

namespace gfs {

/// Delivers what `inner` carries as late as a link like `profile` would. A sender's messages leave
/// one after another, each in bytes / rate, and arrive half a round trip later; those of both
/// directions, and messages under way, do not delay one another. So a message handed over at time t
/// arrives at
///
///     max(t, departure of the one before) + bytes / rate + round trip / 2,
///
/// which the sender writes before the message; exchange() returns when that time has come. Counters
/// are those of the messages without this header. Both ends must be throttled, else sizes do not
/// match. Waits for that time poll as `spin` says, as waits for a real link's messages would.
/// Throws Network if the two ends' clocks are not the same. `inner` must outlive the channel.
std::unique_ptr<Channel> makeThrottledChannel(Channel &inner, const NetworkProfile &profile,
                                              Spin spin = Spin(Spin::usual));

} // namespace gfs
