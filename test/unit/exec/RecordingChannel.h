// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/net/Channel.h"

#include <memory>
#include <vector>

namespace gfs {

/// Keeps what its end sends.
class RecordingChannel final : public Channel {
public:
  explicit RecordingChannel(std::unique_ptr<Channel> end) : end(std::move(end)) {}
  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    sent.insert(sent.end(), outgoing.begin(), outgoing.end());
    end->exchange(outgoing, incoming);
  }
  std::vector<uint8_t> sent;

private:
  std::unique_ptr<Channel> end;
};

} // namespace gfs
