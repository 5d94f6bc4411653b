// SPDX-License-Identifier: Apache-2.0
// The client's side: shares inputs to both servers and joins their answers.
#pragma once

#include "runtime/exec/ClientShares.h"
#include "runtime/net/Connection.h"
#include "runtime/serve/RequestQueue.h"

namespace gfs::serve {

struct ClientOptions {
  std::array<Endpoint, 2> servers;
  std::shared_ptr<const Security> security;
  std::array<std::optional<Fingerprint>, 2> fingerprints;
  Milliseconds timeout{60000};    ///< For the whole answer of one request, payload apart.
  Milliseconds connectFor{10000}; ///< How long to try to reach a server.
  std::stop_token stop; ///< Ends attempts to reach one, and what inferAll() has not begun.
};

/// What one inference gave.
struct Answer {
  std::vector<ClearWords> outputs;           ///< Joined ring words, by port.
  std::array<Stats, 2> stats;                ///< As each server reports it.
  double totalMs = 0;                        ///< At the client: from shares made to outputs joined.
  uint64_t bytesSent = 0, bytesReceived = 0; ///< To and from both servers, without framing.
};

/// An authenticated connection to a server that runs the plan.
struct Greeting {
  std::unique_ptr<Connection> connection;
  ServerHello hello;
  double connectMs = 0; ///< Until the server had proved who it is.
  double answerMs = 0;  ///< Until it had answered one message.
};
/// Errors: Network, Authentication, PlanMismatch, Usage (it is the other server); whatever the
/// server reports.
Greeting greetServer(Party party, const plan::LoadedPlan &plan, const ClientOptions &options);

class Client {
public:
  /// Connects to both servers and checks that they run this plan. Errors: Network, Authentication,
  /// PlanMismatch; whatever a server reports. `plan` must outlive the client.
  Client(const plan::LoadedPlan &plan, const ClientOptions &options);

  /// `inputs[port]` are reduced ring words. Errors: Network, MaterialExhausted, and whatever a
  /// server reports. After an error the client cannot be used again.
  Answer infer(std::span<const ClearWords> inputs);
  /// Several inferences in one request, which the servers run in one pass: 1 to maxBatch(). Answers
  /// by inference; `totalMs` is that of the whole request.
  std::vector<Answer> infer(std::span<const std::vector<ClearWords>> batch);

  /// Inferences that both servers take in one request.
  uint64_t maxBatch() const { return std::min(batches[0], batches[1]); }

  /// Requests the servers have material for, as they said last.
  uint64_t materialLeft() const { return left; }

private:
  /// Runs `task` for both servers at once; throws the error that says most.
  void withBoth(const std::function<void(unsigned)> &task);

  const plan::LoadedPlan &plan;
  Milliseconds timeout;
  std::array<std::unique_ptr<Connection>, 2> connections;
  std::array<uint64_t, 2> lefts{}, batches{};
  uint64_t left = 0;
  bool connected = false;
};

} // namespace gfs::serve
