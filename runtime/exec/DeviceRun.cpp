// SPDX-License-Identifier: Apache-2.0
// With the input: the stages of a pass, each one's launches followed by one exchange.
#include "runtime/base/Clock.h"
#include "runtime/exec/DeviceExecutor.h"

#include <algorithm>

namespace gfs {

using device::Launcher;
using gpu::Array;
using gpu::Region;

namespace {

/// Marks in a queue around what a stage does: copies from the host and from the wire, phase after
/// phase, copies to the wire and to the host.
class StageMarks {
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

/// The steps that send in a stage.
std::vector<uint32_t> sendersOf(const ProgramStage &stage) {
  std::vector<uint32_t> steps;
  for (const ProgramPhase &phase : stage.phases)
    if (phase.outgoing.bytes > 0)
      steps.push_back(phase.step);
  return steps;
}

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
  const double ready = secondsNow();
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

/// One group on a lane.
class GroupRun {
public:
  /// `begun`: when the time of the first stage began.
  GroupRun(const DeviceProgram &program, DeviceLane &lane, std::span<const DeviceMember> members,
           Channel &channel, bool timed, double begun)
      : program(program), lane(lane), queue(lane.queue()), members(members),
        count(static_cast<uint32_t>(members.size())), channel(channel), since(begun) {
    if (timed)
      marks.emplace(queue);
    std::span<uint8_t> room = lane.pinned();
    for (std::span<uint8_t> *part : {&sent, &received}) {
      *part = room.first(count * program.wireBytes());
      room = room.subspan(cuda::paddedBytes(part->size()));
    }
    outputs = room;
  }

  DeviceRun run() {
    bringInputs();
    const size_t stages = program.stages().size();
    auto launch = [&](size_t index) { launchStage(index); };
    if (marks) // what is replayed has no marks
      marks->begin();
    else
      lane.repeated().expect(count, stages, queue, launch);
    for (size_t index = 0; index < stages; ++index) {
      if (marks)
        launchStage(index);
      else
        lane.repeated().run(index, queue, launch);
      if (index + 1 < stages)
        exchangeAfter(index);
    }
    takeOutputs();
    result.stageSeconds.push_back(secondsNow() - since);
    return std::move(result);
  }

private:
  void bringInputs() {
    for (uint32_t i = 0; i < count; ++i) {
      lane.place(Region::Prepared, i, members[i].prepared->memory());
      lane.uploadKey(members[i].common, program.roundKeys(), i);
      for (size_t port = 0; port < members[i].inputs.size(); ++port)
        queue.upload(lane.at(program.input(port), i), members[i].inputs[port].data(),
                     members[i].inputs[port].size());
    }
    lane.begin(count);
    lane.launcher()(cuda::SliceKeysTask{program.roundKeys(), program.streams().common});
  }

  /// From the wire what came after the stage before, the phases, and onto the wire what they send.
  void launchStage(size_t index) {
    const Launcher launch = lane.launcher();
    auto move = [&](const DeviceStage &stage, bool sends) {
      const Array<uint8_t> wire = sends ? program.sent(count) : program.received(count);
      for (const DeviceMessage &message : stage.messages)
        launch(cuda::WireTask{sends, message.bytes, stage.messageBytes,
                              sends ? message.sent : message.answer,
                              wire.behind(message.wireOffset)});
    };
    const std::vector<DeviceStage> &stages = program.stages();
    if (index > 0) {
      move(stages[index - 1], false);
      if (marks)
        marks->attribute(&DeviceRun::transferSeconds, sendersOf(schedule()[index - 1]));
    }
    for (const DeviceStage::Phase &phase : stages[index].phases) {
      program.gate(phase.step).evaluate(launch, phase.phase);
      if (marks)
        marks->attribute(&DeviceRun::computeSeconds, {phase.step});
    }
    move(stages[index], true);
  }

  /// Swaps the messages of a stage that was launched.
  void exchangeAfter(size_t index) {
    const uint64_t bytes = count * program.stages()[index].messageBytes;
    const std::span<uint8_t> out = sent.first(bytes), in = received.first(bytes);
    const uint8_t *wireOut = lane.at(program.sent(count));
    uint8_t *wireIn = lane.at(program.received(count));
    double ready = 0;
    if (bytes >= 2 * partBytes && !marks) {
      ready = exchangeInParts(queue, channel, out, in, wireOut, wireIn);
    } else {
      queue.get(out, wireOut);
      if (marks)
        marks->attribute(&DeviceRun::transferSeconds, sendersOf(schedule()[index]));
      queue.finish();
      ready = secondsNow();
      channel.exchange(out, in);
      if (marks)
        marks->begin();
      queue.put(wireIn, in);
    }
    result.stageSeconds.push_back(ready - since);
    since = secondsNow();
    result.exchangeSeconds.push_back(since - ready);
  }

  /// Output shares come to the host; nothing of the group is left on the GPU.
  void takeOutputs() {
    const plan::Plan &plan = program.program().plan();
    auto eachOutput = [&](auto &&take) {
      std::span<uint8_t> rest = outputs;
      for (uint32_t i = 0; i < count; ++i)
        for (int port = 0; port < plan.outputs_size(); ++port) {
          const uint64_t bytes =
              packedBytes(program.program().valueElements(plan.outputs(port).value()),
                          program.program().ring().bits);
          take(i, static_cast<size_t>(port), rest.first(bytes));
          rest = rest.subspan(bytes);
        }
    };
    eachOutput([&](uint32_t i, size_t port, std::span<uint8_t> pinned) {
      queue.get(pinned, lane.at(program.output(port), i));
    });
    queue.finish();
    if (marks) {
      result.computeSeconds.resize(program.program().steps());
      result.transferSeconds.resize(program.program().steps());
      marks->addTo(result);
    }
    result.outputs.resize(count);
    eachOutput([&](uint32_t i, size_t, std::span<uint8_t> pinned) {
      result.outputs[i].emplace_back(pinned.begin(), pinned.end());
      secureWipe(pinned.data(), pinned.size());
    });
    for (const DeviceMember &member : members)
      queue.wipe(member.prepared->memory());
    lane.finish();
  }

  const std::vector<ProgramStage> &schedule() const { return program.program().stages(); }

  const DeviceProgram &program;
  DeviceLane &lane;
  gpu::Queue &queue;
  const std::span<const DeviceMember> members;
  const uint32_t count;
  Channel &channel;
  std::span<uint8_t> sent, received, outputs; ///< Pinned.
  std::optional<StageMarks> marks;            ///< If times of single steps were asked for.
  double since;                               ///< When the latest exchange ended, or the run began.
  DeviceRun result;
};

} // namespace

DeviceRun DeviceExecutor::run(std::span<const DeviceMember> members, Channel &channel,
                              bool timed) const {
  const double begun = secondsNow();
  std::unique_ptr<DeviceLane> lane = runLanes.take(static_cast<uint32_t>(members.size()));
  DeviceRun result = GroupRun(program, *lane, members, channel, timed, begun).run();
  runLanes.give(std::move(lane));
  return result;
}

} // namespace gfs
