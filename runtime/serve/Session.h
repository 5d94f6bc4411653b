// SPDX-License-Identifier: Apache-2.0
// The server's side of one connection of somebody who is served: a client, or the dealer.
#pragma once

#include "runtime/serve/Messages.h"

#include <chrono>
#include <mutex>
#include <optional>

namespace gfs::serve {

class Session {
public:
  virtual ~Session() = default;

  /// Serves until the other end leaves or errs, or after shutdown(). Never throws; what went wrong
  /// is sent to the other end and logged.
  void run() noexcept;
  /// Ends the session as soon as nothing is under way that must not be broken off; from any thread.
  void shutdown() noexcept;

  /// Whom it serves; from any thread.
  const std::string &peerRole() const { return role; }
  /// Since when the session waits for the other end to greet, to ask, or to send what it asks
  /// about; nothing while something is under way. From any thread.
  std::optional<std::chrono::steady_clock::time_point> idleSince() const;
  /// After shutdown(), from any thread.
  bool isLeaving() const;

protected:
  explicit Session(std::unique_ptr<Connection> given)
      : connection(std::move(given)), role(connection->peerRole()) {}

  virtual void greet() = 0;
  /// False once the other end has left or shutdown() was called.
  virtual bool serveOne() = 0;

  /// The next message, for which the other end may take an hour; idle then and, until leaveIdle(),
  /// behind it. Nothing if the other end has left or shutdown() was called.
  template <class Message> std::optional<Message> next() {
    if (!enterIdle())
      return std::nullopt;
    std::optional<Message> message;
    try {
      message = receiveMessage<Message>(*connection, idleTimeout);
    } catch (const Error &error) {
      if (error.code() != ExitCode::Network)
        throw;
      logLeaving(error); // gone, or interrupted: nothing was under way
      return std::nullopt;
    }
    return message;
  }
  /// From now on shutdown() interrupts what is under way. False if it was called.
  bool enterIdle();
  void leaveIdle();

  std::unique_ptr<Connection> connection;

private:
  const std::string role;
  /// Who is served may think as long as he likes, but not hold a session for ever.
  static constexpr Milliseconds idleTimeout = std::chrono::hours(1);
  static void logLeaving(const Error &error);

  mutable std::mutex mutex; ///< Guards what follows.
  std::optional<std::chrono::steady_clock::time_point> idle = std::chrono::steady_clock::now();
  bool stopping = false;
};

} // namespace gfs::serve
