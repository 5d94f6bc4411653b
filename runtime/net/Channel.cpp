// SPDX-License-Identifier: Apache-2.0
// Exchanges in parts, for channels that only know whole ones.
#include "runtime/net/Channel.h"

#include "runtime/base/Error.h"

namespace gfs {

void Channel::begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) {
  begunOutgoing = outgoing;
  begunIncoming = incoming;
  pushed = 0;
  begun = true;
}

void Channel::push(size_t bytes) { pushed = bytes; }

void Channel::pull(size_t) {
  if (!begun)
    return; // done
  check(pushed == begunOutgoing.size(), "waits for an answer before everything was said");
  exchange(begunOutgoing, begunIncoming);
  begun = false;
}

void Channel::finish() { pull(0); }

} // namespace gfs
