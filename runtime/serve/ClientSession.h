// SPDX-License-Identifier: Apache-2.0
// The server's side of one client connection: takes its requests, hands out its results.
#pragma once

#include "runtime/material/MaterialInfo.h"
#include "runtime/serve/Messages.h"
#include "runtime/serve/Metrics.h"
#include "runtime/serve/RequestQueue.h"

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>

namespace gfs::serve {

/// What a session needs to know of its server.
struct SessionContext {
  Party party = Party::Zero;
  plan::Hash planHash{};
  uint64_t inputBytes = 0; ///< Packed shares of all inputs of one request.
  uint32_t maxBatch = 1;   ///< Inferences in one request.
  Milliseconds timeout{60000};
  RequestQueue *queue = nullptr;
  Metrics *metrics = nullptr;
  std::function<uint64_t()> materialLeft;
  std::function<bool()> linked; ///< To the other server, at this moment.
};

class ClientSession {
public:
  ClientSession(std::unique_ptr<Connection> connection, const SessionContext &context)
      : connection(std::move(connection)), context(context), role(this->connection->peerRole()) {}

  /// Serves until the client leaves or errs, or after shutdown(). Never throws; what went wrong is
  /// sent to the client and logged.
  void run() noexcept;
  /// Ends the session as soon as no request is under way; from any thread.
  void shutdown() noexcept;

  const std::string &client() const { return role; }
  /// Since when the session waits for the client to greet, to ask, or to send what it asks about;
  /// nothing while a request is under way. From any thread.
  std::optional<std::chrono::steady_clock::time_point> idleSince() const;
  /// After shutdown(), from any thread.
  bool isLeaving() const;

private:
  void greet();
  /// False once the client has left or shutdown() was called.
  bool serveOne();
  /// Receives the rest of a request, has it run and answers.
  void answer(const Request &request);
  /// The inferences of one request as jobs with ids of their own.
  Jobs receiveJobs(const Request &request);
  Result await(std::future<Result> &future, const JobId &id);
  bool enterIdle();
  void leaveIdle();

  std::unique_ptr<Connection> connection;
  const SessionContext &context;
  const std::string role;   ///< Of the client.
  mutable std::mutex mutex; ///< Guards what follows.
  std::optional<std::chrono::steady_clock::time_point> idle = std::chrono::steady_clock::now();
  bool stopping = false;
};

} // namespace gfs::serve
