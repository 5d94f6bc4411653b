// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/SetDealer.h"

#include "runtime/base/Error.h"
#include "runtime/base/ThreadPool.h"
#include "runtime/serve/InOrder.h"

namespace gfs::serve {

/// Most memory that records in the making may take.
static constexpr uint64_t batchBytes = uint64_t(2) << 30;
/// Most records that a GPU makes at a time: launches of so many fill it.
static constexpr uint64_t mostRecords = 256;

SetDealer::SetDealer(const DealerFiles &files, uint64_t records)
    : records(records), threads(files.threads ? files.threads : availableProcessors()) {
  plan::LoadedPlan plan = plan::readPlan(files.plan);
  key = plan::readDealerKey(files.dealerKey, plan);
  if (plan.plan.weight_mode() == plan::WEIGHTS_PUBLIC) {
    weights = readMaskedWeights(files.weights, plan);
    plan::requireModel(key.modelId, weights->modelId, files.weights);
  }
  program = makeProgram(std::move(plan));
  target = openDevice(files.device);
  if (target.isGpu)
    group = groupSize(files);
  text = describeDevice(target, program, DeviceUser::Dealer, group);
  dealer.emplace(program, key.seeds[0], key.seeds[1], key.modelId, weights ? &*weights : nullptr,
                 *target.kernels);
}

/// Two groups are made and up to four wait for where they go.
uint32_t SetDealer::groupSize(const DealerFiles &files) const {
  if (files.group > 0)
    return files.group;
  const uint64_t pairBytes =
      program->recordBytes(Party::Zero) + program->recordBytes(Party::One) + 1;
  const uint64_t most = std::min({batchBytes / (6 * pairBytes), records, mostRecords});
  return recordsAtATime(program, target.freeMemory, static_cast<uint32_t>(most));
}

SetToDeal SetDealer::newSet() const {
  SetToDeal set;
  for (Party party : {Party::Zero, Party::One}) {
    MaterialInfo &info = set.halves[index(party)];
    info.planHash = plan().hash;
    info.modelId = key.modelId;
    info.party = party;
    info.records = records;
    info.payloadBytes = dealer->recordBytes(party);
  }
  set.seeds = drawSetSeeds(set.halves, key.seeds);
  return set;
}

SetToDeal SetDealer::sameSet(const std::array<MaterialInfo, 2> &found) const {
  SetToDeal set = newSet();
  for (Party party : {Party::Zero, Party::One}) {
    MaterialInfo &info = set.halves[index(party)];
    const MaterialInfo &half = found[index(party)];
    if (half.planHash != info.planHash || half.modelId != info.modelId || half.party != party ||
        half.materialId != found[0].materialId)
      return newSet();
    info.materialId = half.materialId;
    info.sealedSeed = half.sealedSeed;
    info.otherSeedDigest = half.otherSeedDigest;
    std::optional<SecretSeed> seed =
        openSetSeed(info, key.seeds[index(party)], "the interrupted set");
    if (!seed)
      return newSet();
    set.seeds[index(party)] = std::move(*seed);
  }
  return set;
}

namespace {

/// The sealed records of one serial.
struct SealedPair {
  SecretVector<uint8_t> zero, one;
};

/// How the records of one set are made, sealed and handed on.
class Press {
public:
  Press(const Dealer &dealer, const std::array<RecordSealer, 2> &sealers,
        const std::array<MaterialSink *, 2> &sinks, uint64_t first,
        const std::function<void(uint64_t, uint64_t)> &progress)
      : dealer(dealer), zero(sealers[0]), one(sealers[1]), sinks(sinks), first(first),
        pairBytes(zero.info().recordBytes() + one.info().recordBytes()), progress(progress) {}

  /// Dealt and sealed by workers, handed on here: a disk or a network that is slow stops no
  /// computing.
  void onCpu(unsigned threads) {
    const auto workers =
        static_cast<unsigned>(std::clamp<uint64_t>(batchBytes / (2 * pairBytes), 1, threads));
    InOrder<SealedPair> pairs(first, records(), workers, [&](uint64_t serial) {
      SealedPair pair = blank();
      dealer.deal(zero.info().materialId, serial, RecordSealer::payload(pair.zero),
                  RecordSealer::payload(pair.one));
      seal(serial, pair);
      return pair;
    });
    for (uint64_t serial = first; serial < records(); ++serial)
      append(serial, pairs.take());
  }

  /// `size` records at a time: while one group is sealed by all processors, the GPU makes the next.
  void onDevice(uint64_t size, unsigned threads) {
    constexpr unsigned groupsAtATime = 2;
    ThreadPool helpers(threads);
    const uint64_t groups = (records() - first + size - 1) / size;
    InOrder<std::vector<SealedPair>> made(0, groups, groupsAtATime, [&](uint64_t group) {
      const uint64_t begin = first + group * size;
      std::vector<SealedPair> pairs;
      std::vector<RecordPair> payloads;
      for (uint64_t serial = begin; serial < std::min(begin + size, records()); ++serial) {
        SealedPair &pair = pairs.emplace_back(blank());
        payloads.push_back({RecordSealer::payload(pair.zero), RecordSealer::payload(pair.one)});
      }
      dealer.deal(zero.info().materialId, begin, payloads, helpers);
      helpers.run(pairs.size(), [&](uint64_t i) { seal(begin + i, pairs[i]); });
      return pairs;
    });
    uint64_t serial = first;
    for (uint64_t group = 0; group < groups; ++group)
      for (const SealedPair &pair : made.take())
        append(serial++, pair);
  }

private:
  uint64_t records() const { return zero.info().records; }
  SealedPair blank() const { return {zero.blank(), one.blank()}; }
  void seal(uint64_t serial, SealedPair &pair) const {
    zero.seal(serial, pair.zero);
    one.seal(serial, pair.one);
  }
  void append(uint64_t serial, const SealedPair &pair) {
    sinks[0]->append(pair.zero);
    sinks[1]->append(pair.one);
    progress(serial + 1, (serial + 1 - first) * pairBytes);
  }

  const Dealer &dealer;
  const RecordSealer &zero, &one;
  const std::array<MaterialSink *, 2> &sinks;
  const uint64_t first, pairBytes;
  const std::function<void(uint64_t, uint64_t)> &progress;
};

} // namespace

void SetDealer::deal(const SetToDeal &set, uint64_t first,
                     const std::array<MaterialSink *, 2> &sinks,
                     const std::function<void(uint64_t, uint64_t)> &progress) {
  dealer->useSeeds(set.seeds[0], set.seeds[1]);
  const struct Forgetting {
    SetDealer &self;
    ~Forgetting() { self.dealer->useSeeds(self.key.seeds[0], self.key.seeds[1]); }
  } forgetting{*this};
  const std::array<RecordSealer, 2> sealers = {RecordSealer(set.halves[0], set.seeds[0]),
                                               RecordSealer(set.halves[1], set.seeds[1])};
  Press press(*dealer, sealers, sinks, first, progress);
  if (dealer->onDevice())
    press.onDevice(group, threads);
  else
    press.onCpu(threads);
  for (MaterialSink *sink : sinks)
    sink->finish();
}

} // namespace gfs::serve
