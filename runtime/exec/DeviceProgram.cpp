// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/DeviceProgram.h"

#include "runtime/exec/DeviceRegions.h"

#include <algorithm>

namespace gfs {

using device::Room;
using gpu::Array;
using gpu::Region;

DeviceProgram::DeviceProgram(ProgramRef program, Party party, device::Constants &constants,
                             const device::DeviceWeights &weights)
    : code(std::move(program)), arrays(code->steps()) {
  const plan::Plan &plan = code->plan();
  const MaskPlaces masks(*code);
  bytes.masks = masks.bytes;
  layOutMessages();
  layOutClient();
  Room prepared(Region::Prepared);
  requestStreams = {prepared.take<cuda::SlicedRoundKeys>(1),
                    prepared.take<cuda::SlicedRoundKeys>(1)};
  auto valueAt = [&](uint32_t id) {
    return Array<uint8_t>(Region::Values,
                          plan.values(static_cast<int>(id)).offset() * code->ring().wordBytes());
  };
  for (uint32_t index = 0; index < code->steps(); ++index) {
    const plan::Step &step = code->step(index);
    device::StepArrays &at = arrays[index];
    for (uint32_t operand : step.operands()) {
      at.operands.push_back(valueAt(operand));
      at.operandMasks.push_back(masks.of[operand]);
    }
    if (code->hasResult(index)) {
      at.result = valueAt(step.result());
      at.resultMask = masks.of[step.result()];
    }
    if (step.has_input())
      at.client = inputs[step.input().port()];
    if (step.has_output())
      at.client = outputs[step.output().port()];
    at.staged = index % 2 == 0 ? Region::EvenStep : Region::OddStep;
    Room scratch(Region::Scratch), staged(at.staged);
    const GateSite site{plan, step, code->ring()};
    gates.push_back(makeDeviceGate(device::DeviceSite(
        site, party, index, at, requestStreams, prepared, scratch, staged, constants, weights)));
    if (!gates.back()) {
      isComplete = false;
      return;
    }
    packedPlaces.emplace_back(at.staged, staged.bytes());
    uint64_t packed = staged.bytes();
    for (const device::DealtPiece &piece : gates.back()->dealt())
      if (piece.kind == device::DealtPiece::Words)
        packed += cuda::paddedBytes(packedBytes(piece.count, piece.bits));
    bytes.staged = std::max(bytes.staged, packed);
    bytes.scratch = std::max(bytes.scratch, scratch.bytes());
  }
  bytes.prepared = prepared.bytes();
  bytes.values = cuda::paddedBytes(plan.arena_words() * code->ring().wordBytes());
  bytes.constants = constants.bytes();
}

/// What is sent shares its room from stage to stage; what came stays until it is read.
void DeviceProgram::layOutMessages() {
  uint64_t mostSent = 0;
  for (const ProgramStage &stage : code->stages()) {
    Room room(Region::Messages);
    DeviceStage &made = schedule.emplace_back();
    for (const ProgramPhase &phase : stage.phases) {
      made.phases.push_back({phase.step, phase.phase});
      if (phase.outgoing.bytes == 0)
        continue;
      made.messages.push_back(
          {room.take<uint8_t>(phase.outgoing.bytes), {}, phase.outgoing.bytes, made.messageBytes});
      made.messageBytes += phase.outgoing.bytes;
    }
    mostSent = std::max(mostSent, room.bytes());
    mostWire = std::max(mostWire, made.messageBytes);
  }
  Room answers(Region::Messages, mostSent);
  for (DeviceStage &stage : schedule) {
    auto message = stage.messages.begin();
    for (const DeviceStage::Phase &phase : stage.phases) {
      device::StepArrays &step = arrays[phase.step];
      if (phase.phase >= code->cost(phase.step).messageBytes.size() ||
          code->cost(phase.step).messageBytes[phase.phase] == 0)
        continue;
      message->answer = answers.take<uint8_t>(message->bytes);
      step.messages.resize(phase.phase + 1);
      step.answers.resize(phase.phase + 1);
      step.messages[phase.phase] = message->sent;
      step.answers[phase.phase] = message->answer;
      ++message;
    }
  }
  bytes.messages = answers.bytes();
}

void DeviceProgram::layOutClient() {
  Room room(Region::Client);
  auto add = [&](const auto &ports, std::vector<Array<uint8_t>> &places) {
    for (const plan::Port &port : ports)
      places.push_back(
          room.take<uint8_t>(packedBytes(code->valueElements(port.value()), code->ring().bits)));
  };
  add(code->plan().inputs(), inputs);
  add(code->plan().outputs(), outputs);
  keyPlace = room.take<uint64_t>(roundKeyWords);
  bytes.client = room.bytes();
}

Array<uint8_t> DeviceProgram::sent(uint32_t members) const {
  return {Region::Together, cuda::paddedBytes(mostLimbBytes(*code, members))};
}

Array<uint8_t> DeviceProgram::received(uint32_t members) const {
  return sent(members).behind(cuda::paddedBytes(members * mostWire));
}

LaneLayout DeviceProgram::prepareLane(uint32_t members) const {
  return {.members = members,
          .own = {{Region::Masks, bytes.masks},
                  {Region::EvenStep, bytes.staged},
                  {Region::OddStep, bytes.staged},
                  {Region::Client, bytes.client},
                  {Region::Scratch, bytes.scratch}},
          .together = mostLimbBytes(*code, members)};
}

LaneLayout DeviceProgram::runLane(uint32_t members) const {
  const uint64_t wire = cuda::paddedBytes(members * mostWire);
  return {.members = members,
          .own = {{Region::Values, bytes.values},
                  {Region::Messages, bytes.messages},
                  {Region::Client, bytes.client},
                  {Region::Scratch, bytes.scratch}},
          .together = received(members).offset + wire,
          .pinned = 2 * wire + members * bytes.client};
}

} // namespace gfs
