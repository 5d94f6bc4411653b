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
    auto bring = [&](uint8_t *to, uint64_t bytes) {
      check(bytes <= material.size(), "a gate reads more material than its cost states");
      lane.queue().upload(to, material.data(), bytes);
      material = material.subspan(bytes);
    };
    for (const DealtPiece &piece : program.gate(step).dealt()) {
      if (piece.kind == DealtPiece::Raw) {
        bring(lane.at(piece.to, member), piece.count);
        continue;
      }
      forDealtHalves(piece.count, [&](size_t h, uint64_t first, uint64_t n) {
        if (h == index(party))
          return;
        if (piece.kind == DealtPiece::Bytes)
          return bring(lane.at(piece.to.behind(first), member), n);
        const uint64_t bytes = packedBytes(n, piece.bits);
        bring(packed, bytes);
        packed += cuda::paddedBytes(bytes);
      });
    }
    check(material.empty(), "a gate reads less material than its cost states");
  }

  /// Makes the shares of this server's stream, and words of those of its record.
  void readMaterial(const Launcher &launch, uint32_t step) const {
    Array<uint8_t> packed = program.packedWords(step);
    const cuda::StreamPlace stream = {program.streams().own, streamNonce(step, dealtStream), 0};
    uint64_t block = 0;
    auto expand = [&](Array<uint8_t> to, uint64_t bytes) {
      launch(cuda::ExpandTask{{stream.keys, stream.nonce, block}, bytes, to.as<uint64_t>()});
      block += (bytes + Prg::blockBytes - 1) / Prg::blockBytes;
    };
    visitWord(program.program().ring(), [&]<class Word>() {
      for (const DealtPiece &piece : program.gate(step).dealt()) {
        if (piece.kind == DealtPiece::Raw)
          continue;
        const bool words = piece.kind == DealtPiece::Words;
        if (words && piece.bits == 0) {
          launch(cuda::CombineTask<Word>{
              8 * sizeof(Word), {}, {}, 0, 0, piece.count, piece.to.as<Word>()});
          continue;
        }
        const uint64_t each = words ? sizeof(Word) : 1;
        forDealtHalves(piece.count, [&](size_t h, uint64_t first, uint64_t n) {
          const Array<uint8_t> to = piece.to.behind(first * each);
          if (h == index(party))
            return expand(to, n * each);
          if (!words)
            return;
          launch(cuda::UnpackTask<Word>{
              {piece.bits, 0}, packed.as<const uint32_t>(), {}, n, to.as<Word>()});
          packed = packed.behind(cuda::paddedBytes(packedBytes(n, piece.bits)));
        });
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
