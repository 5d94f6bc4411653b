// SPDX-License-Identifier: Apache-2.0
// The form of a gate that runs on a GPU: the same phases as Gate.h, the same messages, but every
// loop is a task that is launched for all members of a group.
//
// Where a step's arrays lie is known when the gate is made (regions and offsets, see
// runtime/kernels/cuda/Arrays.h), so a gate holds its arrays and its launches never change: they
// can be recorded once. Formulas are in the gate's own file in runtime/gates.
#pragma once

#include "runtime/gates/Dealt.h"
#include "runtime/gates/Gates.h"
#include "runtime/kernels/Gpu.h"

#include <algorithm>

namespace gfs::device {

using gpu::Array;
using gpu::Region;

/// A queue and the group it works for.
struct Launcher {
  gpu::Queue &queue;
  gpu::Group group;
  template <class Task> void operator()(const Task &task) const { queue.launch(task, group); }
};

/// One array of what the dealer hands to this step, in the order of Dealt.h.
struct DealtPiece {
  enum Kind {
    Words, ///< Shares mod 2^bits, to become words in `to`; zeros if `bits` is 0.
    Bytes, ///< XOR shares.
    Raw,   ///< The same for both servers, from both records.
  } kind;
  unsigned bits;     ///< Of Words.
  uint64_t count;    ///< Words or bytes.
  Array<uint8_t> to; ///< Prepared, or the step's own EvenStep or OddStep.
};

class DeviceGate {
public:
  virtual ~DeviceGate() = default;
  /// Before the input; what is dealt is in its places.
  virtual void prepare(const Launcher &) const {}
  virtual void evaluate(const Launcher &, unsigned phase) const = 0;
  const std::vector<DealtPiece> &dealt() const { return pieces; }

protected:
  std::vector<DealtPiece> pieces;
};
using DeviceGatePtr = std::unique_ptr<DeviceGate>;

/// Room in a region, taken array by array.
class Room {
public:
  explicit Room(Region region, uint64_t first = 0) : region(region), end(first) {}
  template <class T> Array<T> take(uint64_t count) {
    Array<T> array(region, end);
    end += cuda::arrayBytes<T>(count);
    return array;
  }
  uint64_t bytes() const { return end; }

private:
  Region region;
  uint64_t end;
};

/// Device memory that outlives all requests: weights, and what a plan says of a step.
class Constants {
public:
  /// `device`: whether to bring them to the GPU, or only to count.
  explicit Constants(bool device) {
    if (device)
      queue.emplace();
  }
  template <class T> Array<const T> add(std::span<const T> values) {
    const uint64_t size = cuda::arrayBytes<T>(values.size());
    total += size;
    if (!queue)
      return Array<const T>(Region::Absolute, total); // somewhere; nothing is launched on it
    gpu::Memory &memory = blocks.emplace_back(size);
    queue->upload(memory, values);
    queue->finish();
    return memory.array<const T>();
  }
  template <class T> Array<const T> add(const std::vector<T> &values) {
    return add(std::span<const T>(values));
  }
  uint64_t bytes() const { return total; }

private:
  std::optional<gpu::Queue> queue;
  std::vector<gpu::Memory> blocks;
  uint64_t total = 0;
};

/// This server's weights on the device.
class DeviceWeights {
public:
  virtual ~DeviceWeights() = default;
  /// As the convolutions read them; null where a share is identically zero.
  virtual const gpu::ConvWeights *masked(uint32_t id) const = 0;
  virtual const gpu::ConvWeights *share(uint32_t id) const = 0;
  /// In host memory; empty where a share is identically zero.
  virtual std::span<const std::byte> maskedBytes(uint32_t id) const = 0;
  virtual std::span<const std::byte> shareBytes(uint32_t id) const = 0;
};

/// Where the arrays of one step lie.
struct StepArrays {
  std::vector<Array<uint8_t>> operands, operandMasks; ///< Masks: shares, of masked operands.
  Array<uint8_t> result, resultMask;
  std::vector<Array<uint8_t>> messages; ///< By phase: what is sent …
  std::vector<Array<uint8_t>> answers;  ///< … and what the peer sent in it.
  Array<uint8_t> client;                ///< Of Input and Output.
  Region staged;                        ///< EvenStep or OddStep.
};

/// Streams of a request: of this server's own seed, and the one both servers share.
struct RequestStreams {
  Array<cuda::SlicedRoundKeys> own, common;
};

/// All that a gate is made from.
struct DeviceSite : GateSite {
  DeviceSite(const GateSite &site, Party party, uint32_t index, const StepArrays &arrays,
             const RequestStreams &streams, Room &preparedRoom, Room &scratchRoom, Room &stagedRoom,
             Constants &constants, const DeviceWeights &weights)
      : GateSite(site), party(party), index(index), arrays(arrays), streams(streams),
        preparedRoom(preparedRoom), scratchRoom(scratchRoom), stagedRoom(stagedRoom),
        constants(constants), weights(weights) {}

  const Party party;
  const uint32_t index;
  const StepArrays &arrays;
  const RequestStreams streams;
  Room &preparedRoom, &scratchRoom, &stagedRoom;
  Constants &constants;
  const DeviceWeights &weights;

  bool first() const { return party == Party::Zero; }
  template <class Word> Array<const Word> in(size_t i) const {
    return arrays.operands[i].as<const Word>();
  }
  template <class Word> Array<Word> out() const { return arrays.result.as<Word>(); }
  template <class Word> Array<const Word> maskShare(size_t i) const {
    return arrays.operandMasks[i].as<const Word>();
  }
  template <class Word> Array<Word> resultMaskShare() const { return arrays.resultMask.as<Word>(); }
  /// What prepare() leaves.
  template <class T> Array<T> prepared(uint64_t count) const { return preparedRoom.take<T>(count); }
  /// Of this step alone, and of one call of prepare() or evaluate().
  template <class T> Array<T> scratch(uint64_t count) const { return scratchRoom.take<T>(count); }
  /// Where material waits for prepare().
  template <class T> Array<T> staged(uint64_t count) const { return stagedRoom.take<T>(count); }
  cuda::StreamPlace stream(uint16_t name) const {
    return {streams.own, streamNonce(index, name), 0};
  }
  cuda::StreamPlace commonStream(uint16_t name) const {
    return {streams.common, streamNonce(index, name), 0};
  }
  template <class Word> Array<const Word> constantWords(std::span<const std::byte> bytes) const {
    if (bytes.empty())
      return {};
    return constants.add(asWords<Word>(bytes));
  }
};

/// Makes GateOf<uint32_t> or GateOf<uint64_t>, as the ring needs.
template <template <class> class GateOf> DeviceGatePtr makeForRing(const DeviceSite &site) {
  return visitWord(site.ring, [&]<class Word>() -> DeviceGatePtr {
    return std::make_unique<GateOf<Word>>(site);
  });
}

/// The gate of a step; null if it has no form for a GPU.
DeviceGatePtr makeDeviceGate(const DeviceSite &site);

#define GFS_GATE(Name) DeviceGatePtr make##Name(const DeviceSite &site);
#include "runtime/plan/Gates.def"

} // namespace gfs::device
