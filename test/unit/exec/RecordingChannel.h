// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/Error.h"
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

/// The same, with exchanges in parts: keeps what is final as it is told so.
class RecordingParts final : public Channel {
public:
  explicit RecordingParts(std::unique_ptr<Channel> end) : end(std::move(end)) {}
  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    sent.insert(sent.end(), outgoing.begin(), outgoing.end());
    end->exchange(outgoing, incoming);
  }
  void begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    message = outgoing;
    kept = 0;
    end->begin(outgoing, incoming);
  }
  void push(size_t bytes) override {
    sent.insert(sent.end(), message.begin() + static_cast<ptrdiff_t>(kept),
                message.begin() + static_cast<ptrdiff_t>(bytes));
    kept = bytes;
    ++parts;
    end->push(bytes);
  }
  void pull(size_t bytes) override {
    if (failsToPull)
      throw Error(ExitCode::Network, "the peer is gone");
    end->pull(bytes);
  }
  void finish() override { end->finish(); }
  void abandon() noexcept override {
    abandoned = true;
    end->abandon();
  }
  std::vector<uint8_t> sent;
  unsigned parts = 0;
  bool failsToPull = false, abandoned = false;

private:
  std::unique_ptr<Channel> end;
  std::span<const uint8_t> message;
  size_t kept = 0;
};

} // namespace gfs
