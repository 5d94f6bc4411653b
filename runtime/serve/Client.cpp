// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Client.h"

#include "runtime/serve/Messages.h"

#include <future>

namespace gfs::serve {

static double msSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

Greeting greetServer(Party party, const plan::LoadedPlan &plan, const ClientOptions &options) {
  const unsigned self = index(party);
  ConnectOptions connecting;
  connecting.retryFor = options.connectFor;
  connecting.stop = options.stop;
  const PeerRule rule{{fmt::format("server{}", self)}, options.fingerprints[self]};
  Greeting greeting;
  auto start = std::chrono::steady_clock::now();
  greeting.connection = connect(options.servers[self], options.security, rule, connecting);
  greeting.connectMs = msSince(start);
  start = std::chrono::steady_clock::now();
  ClientHello hello;
  hello.set_plan_hash(std::string(plan.hash.begin(), plan.hash.end()));
  sendMessage(*greeting.connection, hello, options.timeout);
  greeting.hello = receiveMessage<ServerHello>(*greeting.connection, options.timeout);
  greeting.answerMs = msSince(start);
  if (greeting.hello.party() != self)
    throw Error(ExitCode::Usage,
                fmt::format("{}: is server {}, not server {}", greeting.connection->peerText(),
                            greeting.hello.party(), self),
                "are --server0 and --server1 exchanged?");
  return greeting;
}

Client::Client(const plan::LoadedPlan &plan, const ClientOptions &options)
    : plan(plan), timeout(options.timeout) {
  withBoth([&](unsigned party) {
    Greeting greeting = greetServer(static_cast<Party>(party), plan, options);
    connections[party] = std::move(greeting.connection);
    lefts[party] = greeting.hello.material_left();
    batches[party] = greeting.hello.max_batch();
  });
  left = std::min(lefts[0], lefts[1]);
  connected = true;
}

void Client::withBoth(const std::function<void(unsigned)> &task) {
  std::array<std::future<std::optional<Error>>, 2> ends;
  for (unsigned party : {0u, 1u})
    ends[party] = std::async(std::launch::async, [&task, party]() -> std::optional<Error> {
      try {
        task(party);
        return std::nullopt;
      } catch (const Error &error) {
        return error;
      }
    });
  // When one server fails, the other may know better why, but may also wait in vain for the first:
  // grant it a moment.
  static constexpr Milliseconds moment{1500};
  std::array<std::optional<Error>, 2> errors;
  std::array<bool, 2> done = {false, false};
  for (bool patient = true; !done[0] || !done[1];) {
    for (unsigned party : {0u, 1u}) {
      if (done[party] ||
          ends[party].wait_for(Milliseconds(done[1 - party] ? 50 : 5)) != std::future_status::ready)
        continue;
      errors[party] = ends[party].get();
      done[party] = true;
    }
    unsigned waiting = done[0] ? 1 : 0;
    if (patient && connected && done[1 - waiting] && errors[1 - waiting] && !done[waiting]) {
      if (ends[waiting].wait_for(moment) != std::future_status::ready)
        connections[waiting]->interrupt();
      patient = false;
    }
  }
  // A lost connection is often only the consequence of what the other server reports.
  for (ExitCode least : {ExitCode::Network, ExitCode::Ok})
    for (const std::optional<Error> &error : errors)
      if (error && error->code() != least)
        throw *error;
}

Answer Client::infer(std::span<const ClearWords> inputs) {
  std::vector<ClearWords> only(inputs.begin(), inputs.end());
  return std::move(infer(std::span(&only, 1)).front());
}

std::vector<Answer> Client::infer(std::span<const std::vector<ClearWords>> batch) {
  const Ring ring = plan.ring();
  check(!batch.empty(), "a request without inferences");
  std::array<SecretVector<uint8_t>, 2> outgoing, incoming;
  for (const std::vector<ClearWords> &inputs : batch) {
    check(inputs.size() == static_cast<size_t>(plan.plan.inputs_size()), "number of inputs");
    for (const ClearWords &input : inputs) {
      std::array<SecretVector<uint8_t>, 2> shares = shareInput(ring, input);
      for (unsigned party : {0u, 1u})
        outgoing[party].insert(outgoing[party].end(), shares[party].begin(), shares[party].end());
    }
  }
  uint64_t outputBytes = 0;
  for (const plan::Port &port : plan.plan.outputs())
    outputBytes += packedBytes(portShape(plan.plan, port).elements, ring.bits);

  Request request;
  plan::Id16 id = plan::randomId();
  request.set_request_id(std::string(id.begin(), id.end()));
  request.set_batch(static_cast<uint32_t>(batch.size()));
  std::vector<Answer> answers(batch.size());
  auto start = std::chrono::steady_clock::now();
  withBoth([&](unsigned party) {
    Connection &connection = *connections[party];
    sendMessage(connection, request, timeout);
    connection.send(FrameType::Data, outgoing[party], timeout);
    auto reply = receiveMessage<Reply>(connection, timeout + timeout);
    if (reply.request_id() != request.request_id() ||
        reply.stats_size() != static_cast<int>(batch.size()))
      throw Error(ExitCode::Network,
                  fmt::format("{}: answers another request", connection.peerText()));
    for (size_t i = 0; i < batch.size(); ++i)
      answers[i].stats[party] = reply.stats(static_cast<int>(i));
    incoming[party].resize(batch.size() * outputBytes);
    connection.receiveData(incoming[party], timeout);
  });

  std::array<std::span<const uint8_t>, 2> rest = {incoming[0], incoming[1]};
  for (Answer &answer : answers) {
    for (const plan::Port &port : plan.plan.outputs()) {
      uint64_t elements = portShape(plan.plan, port).elements,
               bytes = packedBytes(elements, ring.bits);
      answer.outputs.push_back(
          joinOutput(ring, elements, rest[0].first(bytes), rest[1].first(bytes)));
      for (auto &share : rest)
        share = share.subspan(bytes);
    }
    answer.bytesSent = (outgoing[0].size() + outgoing[1].size()) / batch.size();
    answer.bytesReceived = 2 * outputBytes;
  }
  const double totalMs = msSince(start);
  for (Answer &answer : answers)
    answer.totalMs = totalMs;
  left = std::min(answers.back().stats[0].material_left(), answers.back().stats[1].material_left());
  return answers;
}

} // namespace gfs::serve
