// SPDX-License-Identifier: Apache-2.0
// Walks the steps in program order on clear masks and lets each gate write its material.
#include "runtime/exec/Dealer.h"

#include "runtime/base/BlockPool.h"
#include "runtime/exec/MaskView.h"
#include "runtime/kernels/GpuHostArrays.h"

namespace gfs {

namespace {

/// One record pair in the making.
struct DealState : MaskState {
  using MaskState::MaskState;
  std::array<std::span<uint8_t>, 2> records;
};

class DealView final : public MaskView<DealContext> {
public:
  DealView(DealState &state, uint32_t step) : MaskView(state, step), deal(state) {}

  std::span<uint8_t> material(Party party) override {
    return deal.records[gfs::index(party)].subspan(
        deal.program.materialOffset(index, party),
        deal.program.cost(index).dealtBytes[gfs::index(party)]);
  }

private:
  DealState &deal;
};

} // namespace

Dealer::Dealer(ProgramRef program, const SecretSeed &seed0, const SecretSeed &seed1,
               const plan::Id16 &modelId, const MaskedWeights *publicWeights,
               const Kernels &kernels)
    : code(std::move(program)), seeds{seed0.clone(), seed1.clone()}, modelId(modelId),
      kernels(&kernels) {
  if (code->plan().weight_mode() != plan::WEIGHTS_PUBLIC) {
    weights = weightMask(code->plan(), seed0, seed1, modelId);
  } else {
    check(publicWeights != nullptr, "dealing for public weights needs them");
    weights = publicWeights->tensors;
  }
  weights.pack(*code, kernels);
  if (gpu::onGpu(kernels))
    device = DeviceDealer::make(code, weights);
  BlockPool::shared().trim(); // requests need other sizes
}

void Dealer::useSeeds(const SecretSeed &zero, const SecretSeed &one) {
  seeds = {zero.clone(), one.clone()};
}

void Dealer::checkSizes(const RecordPair &records) const {
  for (Party party : {Party::Zero, Party::One})
    check(records[index(party)].size() == recordBytes(party), "a record has the wrong size");
}

void Dealer::deal(const plan::Id16 &materialId, uint64_t serial, std::span<uint8_t> record0,
                  std::span<uint8_t> record1) const {
  const RecordPair records = {record0, record1};
  checkSizes(records);
  const RequestId one = request(materialId, serial);
  if (!device)
    return dealHere(one, records);
  const std::array<AesKey, 2> keys = keysOf(one);
  device->deal({&keys, 1}, {&records, 1}, nullptr);
}

void Dealer::deal(const plan::Id16 &materialId, uint64_t first, std::span<const RecordPair> records,
                  ThreadPool &helpers) const {
  std::ranges::for_each(records, [&](const RecordPair &pair) { checkSizes(pair); });
  if (!device)
    return helpers.run(records.size(),
                       [&](uint64_t i) { dealHere(request(materialId, first + i), records[i]); });
  std::vector<std::array<AesKey, 2>> keys;
  for (uint64_t i = 0; i < records.size(); ++i)
    keys.push_back(keysOf(request(materialId, first + i)));
  device->deal(keys, records, &helpers);
}

void Dealer::dealHere(const RequestId &request, const RecordPair &records) const {
  DealState state(*code, *kernels, weights, seeds[0], seeds[1], request);
  state.records = records;
  for (std::span<uint8_t> record : state.records)
    std::fill(record.begin(), record.end(), uint8_t(0));
  for (uint32_t step = 0; step < code->steps(); ++step) {
    state.beginStep(step);
    DealView view(state, step);
    code->gate(step).mask(view);
    code->gate(step).deal(view);
    state.endStep(step);
  }
}

} // namespace gfs
