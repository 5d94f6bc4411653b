// SPDX-License-Identifier: Apache-2.0
// The dealer's form of a gate on a GPU: what Gate::mask() and Gate::deal() do, as a list of
// launches for all records of a group. Where arrays lie is known when the list is made, so it never
// changes and can be recorded once. Formulas are in the gate's own file in runtime/gates.
#pragma once

#include "runtime/gates/device/DeviceGate.h"

#include <functional>

namespace gfs::device {

/// A piece of a step's records, which have theirs in order and without gaps.
struct RecordPart {
  std::array<bool, 2> of; ///< Which records it is in, by server.
  uint64_t bytes;
  Array<uint8_t> at; ///< In Region::Records.
};

/// Where the masks of one step lie; of shared values: nowhere.
struct DealMasks {
  std::vector<Array<uint8_t>> operands;
  Array<uint8_t> result;
};

/// A (W, if weights are public) on the device, as convolutions read it.
class DealWeights {
public:
  virtual ~DealWeights() = default;
  virtual const gpu::ConvWeights *packed(uint32_t id) const = 0;
};

/// All that a script is made from.
struct DealSite : GateSite {
  DealSite(const GateSite &site, uint32_t index, const DealMasks &masks,
           const std::array<Array<cuda::SlicedRoundKeys>, 2> &keys, Room &recordRoom,
           Room &scratchRoom, Constants &constants, const DealWeights &weights)
      : GateSite(site), index(index), masks(masks), keys(keys), recordRoom(recordRoom),
        scratchRoom(scratchRoom), constants(constants), weights(weights) {}

  const uint32_t index;
  const DealMasks &masks;
  const std::array<Array<cuda::SlicedRoundKeys>, 2> keys; ///< Of both servers' streams.
  Room &recordRoom, &scratchRoom;
  Constants &constants;
  const DealWeights &weights;

  template <class Word> Array<const Word> mask(size_t operand) const {
    return masks.operands[operand].as<const Word>();
  }
  template <class Word> Array<Word> resultMask() const { return masks.result.as<Word>(); }
  template <class T> Array<T> scratch(uint64_t count) const { return scratchRoom.take<T>(count); }
  cuda::StreamPlace stream(Party party, uint16_t name) const {
    return {keys[gfs::index(party)], streamNonce(index, name), 0};
  }
};

class DealScript {
public:
  explicit DealScript(const DealSite &site) : site(&site), turns(site.step.result()) {}

  void run(const Launcher &launch) const {
    for (const auto &step : steps)
      step(launch);
  }
  const std::vector<RecordPart> &parts() const { return recordParts; }

  // --- While it is made; arrays in the order in which the gate lays them out ---

  void then(std::function<void(const Launcher &)> step) { steps.push_back(std::move(step)); }
  template <class Task> void launch(const Task &task) {
    then([task](const Launcher &launch) { launch(task); });
  }
  /// Additive shares mod 2^bits of words whose bits above are arbitrary.
  template <class Word> void words(unsigned bits, Array<const Word> values, uint64_t count) {
    if (bits == 0)
      return;
    const Party expands = turns.next(bits, count);
    const Array<uint32_t> share =
        part(recordOf(peerOf(expands)), packedBytes(count, bits)).as<uint32_t>();
    launch(cuda::MaskAndPackTask<Word>{
        {bits, 0}, 0, true, dealtBlocks(expands, count * sizeof(Word)), values, count, {}, share});
  }
  /// XOR shares: a server's stream, to which the caller's tasks XOR the values.
  Array<uint8_t> bytes(uint64_t count) {
    const Party expands = turns.next(8, count);
    const Array<uint8_t> share = part(recordOf(peerOf(expands)), count);
    launch(cuda::ExpandTask{dealtBlocks(expands, count), count, share.as<uint64_t>()});
    return share;
  }
  /// The same bytes for both servers, which the caller's tasks write.
  Array<uint8_t> keys(uint64_t count) { return part({true, true}, count); }
  /// The XOR of both servers' streams of this name.
  Array<uint8_t> bothStreams(uint16_t name, uint64_t count) {
    const Array<uint8_t> sum = site->scratch<uint8_t>(count), other = site->scratch<uint8_t>(count);
    launch(cuda::ExpandTask{site->stream(Party::Zero, name), count, sum.as<uint64_t>()});
    launch(cuda::ExpandTask{site->stream(Party::One, name), count, other.as<uint64_t>()});
    launch(cuda::XorTask{sum, other, count, sum});
    return sum;
  }

private:
  static std::array<bool, 2> recordOf(Party server) {
    return {server == Party::Zero, server == Party::One};
  }
  Array<uint8_t> part(std::array<bool, 2> of, uint64_t count) {
    return recordParts.emplace_back(of, count, site->recordRoom.take<uint8_t>(count)).at;
  }
  /// The next blocks of a server's stream; every array starts with one of its own.
  cuda::StreamPlace dealtBlocks(Party server, uint64_t count) {
    cuda::StreamPlace place = site->stream(server, dealtStream);
    place.firstBlock = blocks[index(server)];
    blocks[index(server)] += (count + Prg::blockBytes - 1) / Prg::blockBytes;
    return place;
  }

  const DealSite *site; ///< While the script is made.
  std::vector<std::function<void(const Launcher &)>> steps;
  std::vector<RecordPart> recordParts;
  DealtTurns turns;
  std::array<uint64_t, 2> blocks = {0, 0}; ///< By server.
};

/// Shares of functions of a mask, one after another through the same scratch.
template <class Word> class TermDealer {
public:
  TermDealer(const DealSite &site, DealScript &script, unsigned shift, WindowShape window = {})
      : script(script), task{{site.ring.bits, shift}, cuda::MaskTerm::One,
                             cuda::TermFactor::None,  window,
                             site.mask<Word>(0),      {},
                             site.operandElements(0), {}} {
    task.out = site.scratch<Word>(task.elements);
  }
  void share(unsigned bits, cuda::MaskTerm term, cuda::TermFactor factor = cuda::TermFactor::None,
             Array<const uint8_t> selected = {}) {
    if (bits == 0)
      return;
    compute(term, factor, selected, task.out);
    script.words<Word>(bits, task.out, task.elements);
  }
  void compute(cuda::MaskTerm term, cuda::TermFactor factor, Array<const uint8_t> selected,
               Array<Word> to) {
    cuda::MaskTermTask<Word> made = task;
    made.term = term;
    made.factor = factor;
    made.bits = selected;
    made.out = to;
    script.launch(made);
  }

private:
  DealScript &script;
  cuda::MaskTermTask<Word> task;
};

/// The script of a step; empty if the gate has no form for a GPU.
std::optional<DealScript> makeDealScript(const DealSite &site);

void dealOpen(const DealSite &site, DealScript &script);
void dealLinear(const DealSite &site, DealScript &script);
void dealTruncate(const DealSite &site, DealScript &script);
void dealSquare(const DealSite &site, DealScript &script);
void dealMultiply(const DealSite &site, DealScript &script);
void dealRelu(const DealSite &site, DealScript &script);
void dealSpline(const DealSite &site, DealScript &script);
void dealCombination(const DealSite &site, DealScript &script); ///< Add, Sub, Scale.
void dealTake(const DealSite &site, DealScript &script);
void dealTranspose(const DealSite &site, DealScript &script);
void dealConcat(const DealSite &site, DealScript &script);
void dealSumPool(const DealSite &site, DealScript &script);

/// What an opened comparison deals; returns the bits ρ_j, packed, threshold after threshold.
template <class Word>
Array<const uint8_t> dealComparison(const DealSite &site, const plan::SignWindow &window,
                                    unsigned thresholds, DealScript &script);
extern template Array<const uint8_t>
dealComparison<uint32_t>(const DealSite &, const plan::SignWindow &, unsigned, DealScript &);
extern template Array<const uint8_t>
dealComparison<uint64_t>(const DealSite &, const plan::SignWindow &, unsigned, DealScript &);

} // namespace gfs::device
