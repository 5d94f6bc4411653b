// SPDX-License-Identifier: Apache-2.0
// The server's side of one client connection: takes its requests, hands out its results.
#pragma once

#include "runtime/material/MaterialInfo.h"
#include "runtime/serve/Metrics.h"
#include "runtime/serve/RequestQueue.h"
#include "runtime/serve/Session.h"

#include <functional>

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

class ClientSession : public Session {
public:
  ClientSession(std::unique_ptr<Connection> connection, const SessionContext &context)
      : Session(std::move(connection)), context(context) {}

private:
  void greet() override;
  bool serveOne() override;
  /// Receives the rest of a request, has it run and answers.
  void answer(const Request &request);
  /// The inferences of one request as jobs with ids of their own.
  Jobs receiveJobs(const Request &request);
  Result await(std::future<Result> &future, const JobId &id);

  const SessionContext &context;
};

} // namespace gfs::serve
