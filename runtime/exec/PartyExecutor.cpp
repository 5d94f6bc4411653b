// SPDX-License-Identifier: Apache-2.0
// The two walks of a server: prepare() over the steps, run() over the schedule.
#include "runtime/exec/PartyExecutor.h"

#include "runtime/base/BlockPool.h"
#include "runtime/base/Error.h"
#include "runtime/exec/MaskView.h"

#include <algorithm>
#include <chrono>

namespace gfs {

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// What both views of a server need.
struct ServerState {
  const Program &program;
  const ServerWeights &weights;
  const Kernels &kernels;
  Party party;
  AesKey key;
  std::span<const uint8_t> record;

  std::span<const uint8_t> material(uint32_t step) const {
    return record.subspan(program.materialOffset(step, party),
                          program.cost(step).dealtBytes[index(party)]);
  }
};

class PrepareView final : public PrepareContext {
public:
  PrepareView(const ServerState &server, ValueStore &maskShares, uint32_t step,
              SecretVector<std::byte> &storage)
      : server(server), maskShares(maskShares), index(step), step(server.program.step(step)),
        storage(storage) {}

  Party party() const override { return server.party; }
  Prg stream(uint16_t stream) const override { return Prg(server.key, streamNonce(index, stream)); }
  std::span<const uint8_t> material() const override { return server.material(index); }
  std::span<std::byte> prepared(size_t bytes) override {
    if (storage.empty())
      storage.resize(bytes);
    return storage;
  }
  using PrepareContext::prepared;
  const void *packedMaskedWeight(uint32_t id) const override {
    return server.weights.masked.packed(id);
  }
  const Kernels &kernels() const override { return server.kernels; }

protected:
  std::span<const std::byte> maskShareBytes(unsigned operand) const override {
    return maskShares.at(step.operands(static_cast<int>(operand)));
  }
  std::span<std::byte> resultMaskShareBytes() override { return maskShares.at(step.result()); }
  std::span<const std::byte> maskedWeightBytes(uint32_t id) const override {
    return server.weights.masked.bytes(id);
  }
  std::span<const std::byte> weightShareBytes(uint32_t id) const override {
    return server.weights.share.bytes(id);
  }

private:
  const ServerState &server;
  ValueStore &maskShares;
  const uint32_t index;
  const plan::Step &step;
  SecretVector<std::byte> &storage;
};

/// A server while it runs.
struct OnlineState : ServerState {
  AesKey common;
  SecretVector<std::byte> arena;
  std::span<const SecretVector<uint8_t>> inputs;
  SecretVector<uint8_t> sent, received; ///< Room for messages; see Program.
  std::vector<SecretVector<uint8_t>> outputs;

  std::span<std::byte> value(uint32_t id) {
    uint64_t offset =
        program.plan().values(static_cast<int>(id)).offset() * program.ring().wordBytes();
    return std::span(arena).subspan(offset, program.valueBytes(id));
  }
};

class EvaluateView final : public EvaluateContext {
public:
  EvaluateView(OnlineState &server, const ProgramPhase &phase, std::span<std::byte> storage)
      : server(server), phase(phase), step(server.program.step(phase.step)), storage(storage) {}

  Party party() const override { return server.party; }
  Prg stream(uint16_t stream) const override {
    return Prg(server.key, streamNonce(phase.step, stream));
  }
  std::span<const uint8_t> material() const override { return server.material(phase.step); }
  std::span<std::byte> prepared() override { return storage; }
  std::span<uint8_t> outgoing() override {
    return std::span(server.sent).subspan(phase.outgoingOffset, phase.outgoingBytes);
  }
  std::span<const uint8_t> sent() const override {
    return std::span(server.sent).subspan(phase.incomingOffset, phase.incomingBytes);
  }
  std::span<const uint8_t> incoming() const override {
    return std::span(server.received).subspan(phase.incomingOffset, phase.incomingBytes);
  }
  Prg commonStream(uint16_t stream) const override {
    return Prg(server.common, streamNonce(phase.step, stream));
  }
  std::span<const uint8_t> clientInput(uint32_t port) const override { return server.inputs[port]; }
  std::span<uint8_t> clientOutput(uint32_t port) override { return server.outputs[port]; }
  const void *packedMaskedWeight(uint32_t id) const override {
    return server.weights.masked.packed(id);
  }
  const void *packedWeightShare(uint32_t id) const override {
    return server.weights.share.packed(id);
  }
  const Kernels &kernels() const override { return server.kernels; }

protected:
  std::span<const std::byte> operandBytes(unsigned operand) const override {
    return server.value(step.operands(static_cast<int>(operand)));
  }
  std::span<std::byte> resultBytes() override { return server.value(step.result()); }
  std::span<const std::byte> maskedWeightBytes(uint32_t id) const override {
    return server.weights.masked.bytes(id);
  }
  std::span<const std::byte> weightShareBytes(uint32_t id) const override {
    return server.weights.share.bytes(id);
  }

private:
  OnlineState &server;
  const ProgramPhase &phase;
  const plan::Step &step;
  std::span<std::byte> storage;
};

} // namespace

uint64_t Prepared::memoryBytes() const {
  uint64_t bytes = record.size();
  for (const auto &part : storage)
    bytes += part.size();
  return bytes;
}

PartyExecutor::PartyExecutor(ProgramRef program, MaskedWeights maskedWeights,
                             const SecretSeed &seed, Party party, const Kernels &kernels)
    : code(std::move(program)),
      weights(serverWeights(code->plan(), std::move(maskedWeights), seed, party)),
      seed(seed.clone()), self(party), kernels(&kernels) {
  weights.masked.pack(*code, kernels);
  weights.share.pack(*code, kernels);
  BlockPool::shared().trim(); // requests need other sizes
}

Prepared PartyExecutor::prepare(const plan::Id16 &materialId, uint64_t serial,
                                SecretVector<uint8_t> record) const {
  if (record.size() != recordBytes())
    throw Error(ExitCode::InvalidInput,
                fmt::format("material record {}: expects {} bytes, got {}", serial, recordBytes(),
                            record.size()),
                "deal material for this plan");
  Prepared prepared({code->loaded().hash, weights.modelId, materialId, serial}, std::move(record));
  prepared.storage.resize(code->steps());
  prepared.seconds.resize(code->steps());
  ServerState server{*code,          weights, *kernels, self, requestKey(seed, prepared.id),
                     prepared.record};
  ValueStore maskShares(*code);
  for (uint32_t step = 0; step < code->steps(); ++step) {
    double start = now();
    if (code->hasResult(step) && code->masked(code->step(step).result()))
      maskShares.allocate(code->step(step).result());
    PrepareView view(server, maskShares, step, prepared.storage[step]);
    code->gate(step).prepare(view);
    for (uint32_t value : code->lastReadBy(step))
      maskShares.release(value);
    prepared.seconds[step] = now() - start;
  }
  return prepared;
}

RunResult PartyExecutor::run(Prepared prepared, Channel &channel, const SecretSeed &common,
                             std::span<const SecretVector<uint8_t>> inputs) const {
  std::vector<GroupMember> only;
  only.push_back({std::move(prepared), &common, inputs});
  return std::move(runGroup(std::move(only), channel).front());
}

void PartyExecutor::requireRunnable(const GroupMember &member) const {
  const plan::Plan &plan = code->plan();
  const RequestId &id = member.prepared.id;
  check(id.planHash == code->loaded().hash && id.modelId == weights.modelId,
        "prepared for another plan");
  if (member.inputs.size() != static_cast<size_t>(plan.inputs_size()))
    throw Error(ExitCode::InvalidInput,
                fmt::format("expects {} inputs, got {}", plan.inputs_size(), member.inputs.size()),
                "check that client and servers use the same plan");
  for (int port = 0; port < plan.inputs_size(); ++port) {
    uint64_t expected =
        packedBytes(code->valueElements(plan.inputs(port).value()), plan.ring_bits());
    uint64_t found = member.inputs[static_cast<size_t>(port)].size();
    if (found != expected)
      throw Error(ExitCode::InvalidInput,
                  fmt::format("input {}: expects a share of {} bytes, got {}",
                              plan.inputs(port).name(), expected, found),
                  "check that client and servers use the same plan");
  }
}

namespace {

/// Swaps one stage's messages of all members at once: member after member in one message.
class GroupExchange {
public:
  GroupExchange(std::span<OnlineState> servers, const Program &program) : servers(servers) {
    if (servers.size() == 1)
      return; // in place
    uint64_t most = 0;
    for (const ProgramStage &stage : program.stages())
      most = std::max(most, stage.messageBytes);
    sent.resize(most * servers.size());
    received.resize(most * servers.size());
  }

  void operator()(const ProgramStage &stage, Channel &channel) {
    const uint64_t bytes = stage.messageBytes, all = bytes * servers.size();
    auto part = [&](SecretVector<uint8_t> &messages) {
      return std::span(messages).subspan(stage.messageOffset, bytes);
    };
    if (servers.size() == 1)
      return channel.exchange(part(servers[0].sent), part(servers[0].received));
    for (size_t i = 0; i < servers.size(); ++i)
      std::ranges::copy(part(servers[i].sent), sent.begin() + static_cast<ptrdiff_t>(i * bytes));
    channel.exchange(std::span(sent).first(all), std::span(received).first(all));
    for (size_t i = 0; i < servers.size(); ++i)
      std::ranges::copy(std::span(received).subspan(i * bytes, bytes),
                        part(servers[i].received).begin());
  }

private:
  std::span<OnlineState> servers;
  SecretVector<uint8_t> sent, received;
};

/// Divides the time of an exchange among the steps that send in it.
void addToSenders(const ProgramStage &stage, double seconds, std::vector<double> &byStep) {
  auto sends = [](const ProgramPhase &phase) { return phase.outgoingBytes > 0; };
  const auto senders = std::ranges::count_if(stage.phases, sends);
  for (const ProgramPhase &phase : stage.phases)
    if (sends(phase))
      byStep[phase.step] += seconds / static_cast<double>(senders);
}

} // namespace

std::vector<RunResult> PartyExecutor::runGroup(std::vector<GroupMember> members,
                                               Channel &channel) const {
  check(!members.empty(), "running an empty group");
  const double start = now();
  std::vector<OnlineState> servers;
  std::vector<RunResult> results(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    requireRunnable(members[i]);
    Prepared &prepared = members[i].prepared;
    OnlineState &server = servers.emplace_back(OnlineState{
        {*code, weights, *kernels, self, requestKey(seed, prepared.id), prepared.record},
        commonKey(*members[i].common, prepared.id),
        SecretVector<std::byte>(code->plan().arena_words() * code->ring().wordBytes()),
        members[i].inputs,
        // Zeros: whatever a gate might leave unwritten, no stale bytes are sent.
        SecretVector<uint8_t>(code->messageRoom(), 0),
        SecretVector<uint8_t>(code->messageRoom()),
        {}});
    for (const plan::Port &port : code->plan().outputs())
      server.outputs.emplace_back(
          packedBytes(code->valueElements(port.value()), code->ring().bits));
    results[i].report.prepareSeconds = std::move(prepared.seconds);
    results[i].report.evaluateSeconds.resize(code->steps());
    results[i].report.waitSeconds.resize(code->steps());
  }

  const ChannelCounters before = channel.counters();
  GroupExchange exchange(servers, *code);
  double exchangeSeconds = 0;
  const std::vector<ProgramStage> &stages = code->stages();
  for (size_t index = 0; index < stages.size(); ++index) {
    // All members do one phase before anyone does the next: its weights stay in the cache.
    for (const ProgramPhase &phase : stages[index].phases)
      for (size_t i = 0; i < members.size(); ++i) {
        double phaseStart = now();
        EvaluateView view(servers[i], phase, members[i].prepared.storage[phase.step]);
        code->gate(phase.step).evaluate(view, phase.phase);
        results[i].report.evaluateSeconds[phase.step] += now() - phaseStart;
      }
    if (index + 1 == stages.size())
      break;
    double exchangeStart = now();
    exchange(stages[index], channel);
    const double waited = now() - exchangeStart;
    exchangeSeconds += waited;
    for (RunResult &result : results)
      addToSenders(stages[index], waited, result.report.waitSeconds);
  }

  for (size_t i = 0; i < members.size(); ++i) {
    results[i].outputs = std::move(servers[i].outputs);
    RunReport &report = results[i].report;
    // Counted by the channel, so that the cost model can be held against it.
    report.exchanges = channel.counters().exchanges - before.exchanges;
    report.bytesSent = (channel.counters().payloadSent - before.payloadSent) / members.size();
    report.bytesReceived =
        (channel.counters().payloadReceived - before.payloadReceived) / members.size();
    report.exchangeSeconds = exchangeSeconds;
    report.totalSeconds = now() - start;
  }
  return results;
}

} // namespace gfs
