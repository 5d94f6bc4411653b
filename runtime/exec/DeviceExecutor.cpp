// SPDX-License-Identifier: Apache-2.0
// The two walks: prepare() brings material a step ahead of the kernels that read it; run() replays
// each stage's launches, which are recorded when a second group of the same size comes.
#include "runtime/exec/DeviceExecutor.h"

#include "runtime/base/Error.h"
#include "runtime/exec/DeviceRegions.h"
#include "runtime/kernels/GpuHostArrays.h"

#include <algorithm>
#include <chrono>

namespace gfs {

using device::DealtPiece;
using device::Launcher;
using gpu::Array;
using gpu::Bases;
using gpu::Region;

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

uint64_t blocksOf(uint64_t bytes) { return (bytes + 15) / 16; }

} // namespace

gpu::Memory DevicePool::take() {
  {
    std::lock_guard lock(mutex);
    if (!free.empty()) {
      gpu::Memory memory = std::move(free.back());
      free.pop_back();
      return memory;
    }
  }
  return gpu::Memory(bytes);
}

void DevicePool::give(gpu::Memory memory) {
  std::lock_guard lock(mutex);
  free.push_back(std::move(memory));
}

/// The weights that PartyExecutor packed with the GPU's kernels.
struct DeviceExecutor::Weights final : device::DeviceWeights {
  explicit Weights(const ServerWeights &server) : server(server) {}
  static const gpu::ConvWeights *of(const WeightTable &table, uint32_t id) {
    const void *packed = table.packed(id);
    return packed ? &gpu::weightsOf(packed) : nullptr;
  }
  const gpu::ConvWeights *masked(uint32_t id) const override { return of(server.masked, id); }
  const gpu::ConvWeights *share(uint32_t id) const override { return of(server.share, id); }
  std::span<const std::byte> maskedBytes(uint32_t id) const override {
    return server.masked.bytes(id);
  }
  std::span<const std::byte> shareBytes(uint32_t id) const override {
    return server.share.bytes(id);
  }
  const ServerWeights &server;
};

/// What one thread needs to prepare up to `capacity` requests.
struct DeviceExecutor::PrepareLane {
  PrepareLane(const DeviceProgram &program, uint32_t capacity)
      : capacity(capacity), memory(program.prepareBytes(capacity)),
        table(capacity * sizeof(Bases)) {
    const DeviceSizes &sizes = program.sizes();
    RegionCutter cutter(memory);
    const uintptr_t together = cutter.cut(program.wireOffset(capacity));
    for (uint32_t i = 0; i < capacity; ++i) {
      Bases &member = bases.emplace_back();
      baseOf(member, Region::Masks) = cutter.cut(sizes.masks);
      baseOf(member, Region::EvenStep) = cutter.cut(sizes.staged);
      baseOf(member, Region::OddStep) = cutter.cut(sizes.staged);
      baseOf(member, Region::Client) = cutter.cut(sizes.client);
      baseOf(member, Region::Scratch) = cutter.cut(sizes.scratch);
      baseOf(member, Region::Together) = together;
    }
  }
  Launcher launcher(uint32_t members) {
    return {queue, {reinterpret_cast<const Bases *>(table.data()), members}};
  }

  const uint32_t capacity;
  std::vector<Bases> bases;
  gpu::Memory memory, table;
  gpu::Queue queue; ///< Behind the memory, so that it waits before the memory goes.
};

/// What one thread needs to run a group of up to `capacity` requests.
struct DeviceExecutor::RunLane {
  RunLane(const DeviceProgram &program, uint32_t capacity)
      : capacity(capacity), memory(program.runBytes(capacity)), table(capacity * sizeof(Bases)),
        sent(capacity * program.wireBytes()), received(capacity * program.wireBytes()),
        outputs(capacity * program.sizes().client) {
    const DeviceSizes &sizes = program.sizes();
    RegionCutter cutter(memory);
    const uintptr_t together = cutter.cut(program.togetherBytes(capacity));
    for (uint32_t i = 0; i < capacity; ++i) {
      Bases &member = bases.emplace_back();
      baseOf(member, Region::Values) = cutter.cut(sizes.values);
      baseOf(member, Region::Messages) = cutter.cut(sizes.messages);
      baseOf(member, Region::Client) = cutter.cut(sizes.client);
      baseOf(member, Region::Scratch) = cutter.cut(sizes.scratch);
      baseOf(member, Region::Together) = together;
    }
  }
  Launcher launcher(uint32_t members) {
    return {queue, {reinterpret_cast<const Bases *>(table.data()), members}};
  }

  const uint32_t capacity;
  std::vector<Bases> bases;
  gpu::Memory memory, table;
  gpu::Pinned sent, received, outputs;
  gpu::Queue queue;     ///< Behind the memory, so that it waits before the memory goes.
  uint32_t members = 0; ///< Of the latest group.
  std::vector<gpu::Recording> recordings; ///< Of its stages, if it was not the first of its size.
};

std::unique_ptr<DeviceExecutor> DeviceExecutor::make(ProgramRef program,
                                                     const ServerWeights &weights, Party party) {
  std::unique_ptr<DeviceExecutor> made(new DeviceExecutor(std::move(program), weights, party));
  return made->program.complete() ? std::move(made) : nullptr;
}

DeviceExecutor::DeviceExecutor(ProgramRef code, const ServerWeights &serverWeights, Party party)
    : party(party), constants(true),
      program(std::move(code), party, constants, Weights(serverWeights)),
      preparedPool(std::make_shared<DevicePool>(program.sizes().prepared)) {}

DeviceExecutor::~DeviceExecutor() = default;

template <class Lane>
std::unique_ptr<Lane> DeviceExecutor::takeLane(std::vector<std::unique_ptr<Lane>> &idle,
                                               uint32_t members) const {
  std::lock_guard lock(mutex);
  for (auto lane = idle.begin(); lane != idle.end(); ++lane)
    if ((*lane)->capacity >= members) {
      std::unique_ptr<Lane> taken = std::move(*lane);
      idle.erase(lane);
      return taken;
    }
  idle.clear(); // smaller ones make room
  return std::make_unique<Lane>(program, members);
}

// --- Before the input ---

uint32_t DeviceExecutor::mostTogether() const {
  constexpr uint64_t room = uint64_t(256) << 20, enough = 64;
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(room / std::max<uint64_t>(program.prepareBytes(1), 1), 1, enough));
}

void DeviceExecutor::bringMaterial(PrepareLane &lane, uint32_t step,
                                   std::span<const Unprepared> requests) const {
  for (size_t i = 0; i < requests.size(); ++i)
    bringRecord(lane.queue, lane.bases[i], step, requests[i].materialOf(step));
}

/// Server 1 is sent its shares; both servers what is no share.
void DeviceExecutor::bringRecord(gpu::Queue &queue, Bases &bases, uint32_t step,
                                 std::span<const uint8_t> material) const {
  uint8_t *packed = addressOf(program.packedWords(step), bases);
  for (const DealtPiece &piece : program.gate(step).dealt()) {
    if (party == Party::Zero && piece.kind != DealtPiece::Raw)
      continue;
    const bool words = piece.kind == DealtPiece::Words;
    const uint64_t bytes = words ? packedBytes(piece.count, piece.bits) : piece.count;
    check(bytes <= material.size(), "a gate reads more material than its cost states");
    queue.upload(words ? packed : addressOf(piece.to, bases), material.data(), bytes);
    material = material.subspan(bytes);
    if (words)
      packed += cuda::paddedBytes(bytes);
  }
  check(material.empty(), "a gate reads less material than its cost states");
}

/// Server 0's shares are its stream; server 1's become words.
void DeviceExecutor::readMaterial(const Launcher &launch, uint32_t step) const {
  Array<uint8_t> packed = program.packedWords(step);
  const cuda::StreamPlace stream = {program.streams().own, streamNonce(step, dealtStream), 0};
  uint64_t block = 0;
  auto expand = [&](const DealtPiece &piece, uint64_t bytes) {
    launch(cuda::ExpandTask{{stream.keys, stream.nonce, block}, bytes, piece.to.as<uint64_t>()});
    block += blocksOf(bytes);
  };
  visitWord(program.program().ring(), [&]<class Word>() {
    for (const DealtPiece &piece : program.gate(step).dealt()) {
      const bool words = piece.kind == DealtPiece::Words;
      const Array<Word> to = piece.to.as<Word>();
      if (piece.kind == DealtPiece::Raw)
        continue;
      if (words && piece.bits == 0)
        launch(cuda::CombineTask<Word>{8 * sizeof(Word), {}, {}, 0, 0, piece.count, to});
      else if (party == Party::Zero)
        expand(piece, words ? piece.count * sizeof(Word) : piece.count);
      else if (words) {
        launch(cuda::UnpackTask<Word>{
            piece.bits, packed.as<const uint32_t>(), {}, {}, piece.count, to});
        packed = packed.behind(cuda::paddedBytes(packedBytes(piece.count, piece.bits)));
      }
    }
  });
}

std::vector<DevicePrepared> DeviceExecutor::prepare(std::span<const Unprepared> requests) const {
  const auto members = static_cast<uint32_t>(requests.size());
  check(members > 0 && members <= mostTogether(), "too many requests to prepare together");
  std::unique_ptr<PrepareLane> lane = takeLane(prepareLanes, members);
  gpu::Queue &queue = lane->queue;
  std::vector<DevicePrepared> prepared;
  for (uint32_t i = 0; i < members; ++i) {
    prepared.emplace_back(preparedPool, preparedPool->take());
    baseOf(lane->bases[i], Region::Prepared) = addressOf(prepared.back().memory());
    queue.upload(addressOf(program.roundKeys(), lane->bases[i]), requests[i].key->rounds(), 176);
  }
  queue.upload(lane->table, std::span<const Bases>(lane->bases).first(members));
  const Launcher launch = lane->launcher(members);
  const uint32_t steps = program.program().steps();
  if (steps > 0)
    bringMaterial(*lane, 0, requests);
  queue.launchesWait();
  launch(cuda::SliceKeysTask{program.roundKeys(), program.streams().own});
  for (uint32_t step = 0; step < steps; ++step) {
    queue.launchesWait();
    if (step + 1 < steps) {
      queue.uploadsWait(); // for the kernels of the step before this one, in the same place
      bringMaterial(*lane, step + 1, requests);
    }
    readMaterial(launch, step);
    program.gate(step).prepare(launch);
  }
  queue.wipe(lane->memory);
  queue.finish();
  std::lock_guard lock(mutex);
  prepareLanes.push_back(std::move(lane));
  return prepared;
}

// --- With the input ---

/// Marks in a queue around what a stage does: copies from the host and from the wire, phase after
/// phase, copies to the wire and to the host.
class DeviceExecutor::StageMarks {
public:
  explicit StageMarks(gpu::Queue &queue) : queue(queue) {}
  /// What follows the latest mark belongs to nobody: the host was elsewhere.
  void begin() { queue.mark(next++); }
  /// What was launched since the latest mark is `seconds` of phases[first, end).
  void attribute(std::vector<double> DeviceRun::*seconds, std::vector<uint32_t> steps) {
    spans.push_back({next, seconds, std::move(steps)});
    queue.mark(next++);
  }
  /// After Queue::finish().
  void addTo(DeviceRun &run) const {
    for (const Span &span : spans) {
      const double seconds = queue.secondsBetween(span.end - 1, span.end);
      for (uint32_t step : span.steps)
        (run.*span.seconds)[step] += seconds / static_cast<double>(span.steps.size());
    }
  }

private:
  struct Span {
    uint32_t end;
    std::vector<double> DeviceRun::*seconds;
    std::vector<uint32_t> steps;
  };
  gpu::Queue &queue;
  uint32_t next = 0;
  std::vector<Span> spans;
};

namespace {

/// The steps that send in a stage.
std::vector<uint32_t> sendersOf(const ProgramStage &stage) {
  std::vector<uint32_t> steps;
  for (const ProgramPhase &phase : stage.phases)
    if (phase.outgoing.bytes > 0)
      steps.push_back(phase.step);
  return steps;
}

} // namespace

/// From the wire what came after the stage before, the phases, and onto the wire what they send.
void DeviceExecutor::launchStage(RunLane &lane, size_t index, StageMarks *marks) const {
  const uint32_t members = lane.members;
  const Launcher launch = lane.launcher(members);
  const Array<uint8_t> sent(Region::Together, program.wireOffset(members));
  const Array<uint8_t> received = sent.behind(cuda::paddedBytes(members * program.wireBytes()));
  const std::vector<DeviceStage> &stages = program.stages();
  auto move = [&](const DeviceStage &stage, bool sends) {
    for (const DeviceMessage &message : stage.messages)
      launch(cuda::WireTask{sends, message.bytes, stage.messageBytes,
                            sends ? message.sent : message.answer,
                            (sends ? sent : received).behind(message.wireOffset)});
  };
  const std::vector<ProgramStage> &schedule = program.program().stages();
  if (index > 0) {
    move(stages[index - 1], false);
    if (marks)
      marks->attribute(&DeviceRun::transferSeconds, sendersOf(schedule[index - 1]));
  }
  for (const DeviceStage::Phase &phase : stages[index].phases) {
    program.gate(phase.step).evaluate(launch, phase.phase);
    if (marks)
      marks->attribute(&DeviceRun::computeSeconds, {phase.step});
  }
  move(stages[index], true);
}

namespace {

/// Messages of less than two parts are swapped whole.
constexpr uint64_t partBytes = uint64_t(256) << 10;

/// One exchange, from the GPU's memory to the GPU's memory: a part travels while the next one comes
/// from the GPU, and goes to the GPU while the next one arrives. Returns when the first part had
/// come from the GPU.
double exchangeInParts(gpu::Queue &queue, Channel &channel, std::span<uint8_t> sent,
                       std::span<uint8_t> received, const uint8_t *wireOut, uint8_t *wireIn) {
  const uint64_t bytes = sent.size();
  const auto parts = static_cast<uint32_t>((bytes + partBytes - 1) / partBytes);
  auto endOf = [&](uint32_t part) { return std::min((part + 1) * partBytes, bytes); };
  auto partOf = [&](std::span<uint8_t> message, uint32_t part) {
    return message.subspan(part * partBytes, endOf(part) - part * partBytes);
  };
  for (uint32_t part = 0; part < parts; ++part) {
    queue.get(partOf(sent, part), wireOut + part * partBytes);
    queue.mark(part);
  }
  queue.await(0);
  const double ready = now();
  struct Begun {
    Channel &channel;
    bool through = false;
    ~Begun() {
      if (!through)
        channel.abandon();
    }
  } begun{channel};
  channel.begin(sent, received);
  for (uint32_t part = 0; part < parts; ++part) {
    queue.await(part);
    channel.push(endOf(part));
  }
  for (uint32_t part = 0; part < parts; ++part) {
    channel.pull(endOf(part));
    queue.put(wireIn + part * partBytes, partOf(received, part));
  }
  channel.finish();
  begun.through = true;
  return ready;
}

} // namespace

DeviceRun DeviceExecutor::run(std::span<const DeviceMember> members, Channel &channel,
                              bool timed) const {
  constexpr size_t mostMembers = 65535; // the grid's limit
  check(!members.empty() && members.size() <= mostMembers, "a group of 1 to 65535 requests");
  const auto count = static_cast<uint32_t>(members.size());
  double start = now();
  std::unique_ptr<RunLane> lane = takeLane(runLanes, count);
  gpu::Queue &queue = lane->queue;
  for (uint32_t i = 0; i < count; ++i) {
    Bases &bases = lane->bases[i];
    baseOf(bases, Region::Prepared) = addressOf(members[i].prepared->memory());
    queue.upload(addressOf(program.roundKeys(), bases), members[i].common.rounds(), 176);
    for (size_t port = 0; port < members[i].inputs.size(); ++port)
      queue.upload(addressOf(program.input(port), bases), members[i].inputs[port].data(),
                   members[i].inputs[port].size());
  }
  queue.upload(lane->table, std::span<const Bases>(lane->bases).first(count));
  queue.launchesWait();
  lane->launcher(count)(cuda::SliceKeysTask{program.roundKeys(), program.streams().common});

  const std::vector<DeviceStage> &stages = program.stages();
  // A second group of the same size is worth a recording.
  const bool again = lane->members == count;
  if (!again)
    lane->recordings.clear();
  lane->members = count;
  if (again && !timed && lane->recordings.empty())
    for (size_t index = 0; index < stages.size(); ++index)
      lane->recordings.push_back(queue.record([&] { launchStage(*lane, index, nullptr); }));
  const Array<uint8_t> wire(Region::Together, program.wireOffset(count));
  uint8_t *const wireOut = addressOf(wire, lane->bases[0]);
  uint8_t *const wireIn = wireOut + cuda::paddedBytes(count * program.wireBytes());
  DeviceRun result;
  std::optional<StageMarks> marks;
  if (timed)
    marks.emplace(queue).begin();
  for (size_t index = 0; index < stages.size(); ++index) {
    if (timed || lane->recordings.empty())
      launchStage(*lane, index, marks ? &*marks : nullptr);
    else
      queue.replay(lane->recordings[index]);
    if (index + 1 == stages.size())
      break;
    const uint64_t bytes = count * stages[index].messageBytes;
    const std::span<uint8_t> sent = lane->sent.span().first(bytes),
                             received = lane->received.span().first(bytes);
    double ready = 0;
    if (bytes >= 2 * partBytes && !marks) {
      ready = exchangeInParts(queue, channel, sent, received, wireOut, wireIn);
    } else {
      queue.get(sent, wireOut);
      if (marks)
        marks->attribute(&DeviceRun::transferSeconds, sendersOf(program.program().stages()[index]));
      queue.finish();
      ready = now();
      channel.exchange(sent, received);
      if (marks)
        marks->begin();
      queue.put(wireIn, received);
    }
    result.stageSeconds.push_back(ready - start);
    start = now();
    result.exchangeSeconds.push_back(start - ready);
  }

  const plan::Plan &plan = program.program().plan();
  std::span<uint8_t> pinned = lane->outputs.span();
  for (uint32_t i = 0; i < count; ++i)
    for (int port = 0; port < plan.outputs_size(); ++port) {
      const uint64_t bytes =
          packedBytes(program.program().valueElements(plan.outputs(port).value()),
                      program.program().ring().bits);
      queue.get(pinned.first(bytes),
                addressOf(program.output(static_cast<size_t>(port)), lane->bases[i]));
      pinned = pinned.subspan(bytes);
    }
  queue.finish();
  if (marks) {
    const uint32_t steps = program.program().steps();
    result.computeSeconds.resize(steps);
    result.transferSeconds.resize(steps);
    marks->addTo(result);
  }
  pinned = lane->outputs.span();
  for (uint32_t i = 0; i < count; ++i) {
    std::vector<SecretVector<uint8_t>> &outputs = result.outputs.emplace_back();
    for (const plan::Port &port : plan.outputs()) {
      const uint64_t bytes =
          packedBytes(program.program().valueElements(port.value()), program.program().ring().bits);
      outputs.emplace_back(pinned.begin(), pinned.begin() + static_cast<ptrdiff_t>(bytes));
      pinned = pinned.subspan(bytes);
    }
    queue.wipe(members[i].prepared->memory());
  }
  queue.wipe(lane->memory);
  queue.finish();
  result.stageSeconds.push_back(now() - start);
  std::lock_guard lock(mutex);
  runLanes.push_back(std::move(lane));
  return result;
}

} // namespace gfs
