// SPDX-License-Identifier: Apache-2.0
// Before the input: material comes to the GPU a step ahead of the kernels that read it.
#include "runtime/base/Error.h"
#include "runtime/exec/DeviceExecutor.h"

namespace gfs {

using device::DealtPiece;
using device::Launcher;
using gpu::Array;
using gpu::Region;

namespace {

/// One group on a lane.
class Preparation {
public:
  Preparation(const DeviceProgram &program, Party party, DeviceLane &lane,
              std::span<const DeviceExecutor::Unprepared> requests)
      : program(program), party(party), lane(lane), requests(requests) {}

  /// The members' keys are on their way, their regions placed.
  void run() {
    const uint32_t steps = program.program().steps();
    if (steps > 0)
      bringMaterial(0);
    lane.begin(static_cast<uint32_t>(requests.size()));
    const Launcher launch = lane.launcher();
    launch(cuda::SliceKeysTask{program.roundKeys(), program.streams().own});
    for (uint32_t step = 0; step < steps; ++step) {
      lane.queue().launchesWait();
      if (step + 1 < steps) {
        lane.queue()
            .uploadsWait(); // for the kernels of the step before this one, in the same place
        bringMaterial(step + 1);
      }
      readMaterial(launch, step);
      program.gate(step).prepare(launch);
    }
    lane.finish();
  }

private:
  void bringMaterial(uint32_t step) {
    for (uint32_t member = 0; member < requests.size(); ++member)
      bringRecord(step, member, requests[member].materialOf(step));
  }

  /// What is in this server's record goes to its place, words packed as they are.
  void bringRecord(uint32_t step, uint32_t member, std::span<const uint8_t> material) {
    uint8_t *packed = lane.at(program.packedWords(step), member);
    DealtTurns turns(program.program().step(step).result());
    for (const DealtPiece &piece : program.gate(step).dealt()) {
      if (piece.kind != DealtPiece::Raw && expands(turns, piece))
        continue;
      const bool words = piece.kind == DealtPiece::Words;
      const uint64_t bytes = words ? packedBytes(piece.count, piece.bits) : piece.count;
      check(bytes <= material.size(), "a gate reads more material than its cost states");
      lane.queue().upload(words ? packed : lane.at(piece.to, member), material.data(), bytes);
      material = material.subspan(bytes);
      if (words)
        packed += cuda::paddedBytes(bytes);
    }
    check(material.empty(), "a gate reads less material than its cost states");
  }

  bool expands(DealtTurns &turns, const DealtPiece &piece) const {
    return turns.next(piece.kind == DealtPiece::Words ? piece.bits : 8, piece.count) == party;
  }

  /// Expands the shares that are this server's stream; makes words of those of its record.
  void readMaterial(const Launcher &launch, uint32_t step) const {
    Array<uint8_t> packed = program.packedWords(step);
    const cuda::StreamPlace stream = {program.streams().own, streamNonce(step, dealtStream), 0};
    uint64_t block = 0;
    auto expand = [&](const DealtPiece &piece, uint64_t bytes) {
      launch(cuda::ExpandTask{{stream.keys, stream.nonce, block}, bytes, piece.to.as<uint64_t>()});
      block += (bytes + 15) / 16;
    };
    visitWord(program.program().ring(), [&]<class Word>() {
      DealtTurns turns(program.program().step(step).result());
      for (const DealtPiece &piece : program.gate(step).dealt()) {
        const bool words = piece.kind == DealtPiece::Words;
        const Array<Word> to = piece.to.as<Word>();
        if (piece.kind == DealtPiece::Raw)
          continue;
        const bool own = expands(turns, piece);
        if (words && piece.bits == 0)
          launch(cuda::CombineTask<Word>{8 * sizeof(Word), {}, {}, 0, 0, piece.count, to});
        else if (own)
          expand(piece, words ? piece.count * sizeof(Word) : piece.count);
        else if (words) {
          launch(cuda::UnpackTask<Word>{
              {piece.bits, 0}, packed.as<const uint32_t>(), {}, piece.count, to});
          packed = packed.behind(cuda::paddedBytes(packedBytes(piece.count, piece.bits)));
        }
      }
    });
  }

  const DeviceProgram &program;
  const Party party;
  DeviceLane &lane;
  const std::span<const DeviceExecutor::Unprepared> requests;
};

} // namespace

std::vector<DevicePrepared> DeviceExecutor::prepare(std::span<const Unprepared> requests) const {
  const auto members = static_cast<uint32_t>(requests.size());
  check(members <= mostTogether(), "too many requests to prepare together");
  std::unique_ptr<DeviceLane> lane = prepareLanes.take(members);
  std::vector<DevicePrepared> prepared;
  for (uint32_t i = 0; i < members; ++i) {
    prepared.emplace_back(preparedPool, preparedPool->take());
    lane->place(Region::Prepared, i, prepared.back().memory());
    lane->uploadKey(*requests[i].key, program.roundKeys(), i);
  }
  Preparation(program, party, *lane, requests).run();
  prepareLanes.give(std::move(lane));
  return prepared;
}

} // namespace gfs
