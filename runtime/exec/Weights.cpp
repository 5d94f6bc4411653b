// SPDX-License-Identifier: Apache-2.0
// Masking, unmasking and the files of weights.
#include "runtime/exec/Weights.h"

#include "runtime/base/Error.h"
#include "runtime/crypto/Prg.h"
#include "runtime/kernels/Kernels.h"

namespace gfs {

static Ring ringOf(const plan::Plan &plan) { return Ring{plan.ring_bits()}; }

/// Calls body(id, elements) for every weight.
template <class Body> static void forEachWeight(const plan::Plan &plan, Body &&body) {
  for (int id = 0; id < plan.weights_size(); ++id)
    body(static_cast<uint32_t>(id), plan.weights(id).elements());
}

template <class Word>
void WeightTable::packTensors(const Program &program, const RingKernels<Word> &kernels) {
  if (!kernels.packedWeightBytes)
    return;
  // Steps may share a tensor: it is packed if one form suits all of them.
  struct Form {
    ConvShape shape;
    size_t bytes;
    bool common;
  };
  std::vector<std::optional<Form>> forms(data.size());
  for (uint32_t step = 0; step < program.steps(); ++step) {
    const std::optional<WeightUse> use = program.gate(step).weightUse();
    if (!use || data[use->weight].empty())
      continue;
    const size_t bytes = kernels.packedWeightBytes(use->shape);
    std::optional<Form> &form = forms[use->weight];
    if (!form)
      form = {use->shape, bytes, true};
    else
      form->common &= form->bytes == bytes;
  }
  forKernels.resize(data.size());
  for (uint32_t id = 0; id < data.size(); ++id)
    if (forms[id] && forms[id]->common && forms[id]->bytes > 0)
      forKernels[id] = std::make_shared<const PackedWeights>(
          kernels, forms[id]->shape, forms[id]->bytes, words<Word>(id).data());
}

void WeightTable::pack(const Program &program, const Kernels &kernels) {
  visitWord(program.ring(), [&]<class Word>() { packTensors(program, kernels.ring<Word>()); });
}

WeightTable clearWeights(const plan::Plan &plan, const std::vector<std::vector<int64_t>> &values) {
  check(values.size() == static_cast<size_t>(plan.weights_size()),
        "the plan has another number of weights");
  WeightTable table(values.size());
  visitWord(ringOf(plan), [&]<class Word>() {
    const Word ringMask = ringOf(plan).mask<Word>();
    forEachWeight(plan, [&](uint32_t id, uint64_t count) {
      check(values[id].size() == count, "a weight has another element count than the plan says");
      std::span<Word> words = table.allocate<Word>(id, count);
      for (size_t i = 0; i < count; ++i)
        words[i] = static_cast<Word>(values[id][i]) & ringMask;
    });
  });
  return table;
}

static bool maskIsZero(plan::WeightMode mode, Party party) {
  return mode == plan::WEIGHTS_PUBLIC || (mode == plan::WEIGHTS_SERVER && party == Party::One);
}

WeightTable weightMaskShare(const plan::Plan &plan, const SecretSeed &partySeed, Party party,
                            const plan::Id16 &modelId) {
  WeightTable table(static_cast<size_t>(plan.weights_size()));
  if (maskIsZero(plan.weight_mode(), party))
    return table;
  std::string context = "gfs weights";
  context.append(modelId.begin(), modelId.end());
  AesKey key = deriveAesKey(partySeed, context);
  visitWord(ringOf(plan), [&]<class Word>() {
    const Word ringMask = ringOf(plan).mask<Word>();
    forEachWeight(plan, [&](uint32_t id, uint64_t count) {
      std::span<Word> words = table.allocate<Word>(id, count);
      Prg(key, id).fillWords(words);
      for (Word &word : words)
        word &= ringMask;
    });
  });
  return table;
}

/// target = target + sign * other, reduced; empty arrays count as zeros, and an empty target takes
/// the other's place.
static void accumulate(const plan::Plan &plan, WeightTable &target, const WeightTable &other,
                       int sign) {
  visitWord(ringOf(plan), [&]<class Word>() {
    const Word ringMask = ringOf(plan).mask<Word>(), factor = static_cast<Word>(sign);
    forEachWeight(plan, [&](uint32_t id, uint64_t count) {
      std::span<const Word> from = other.words<Word>(id);
      if (from.empty())
        return;
      bool fresh = target.bytes(id).empty();
      std::span<Word> to = fresh ? target.allocate<Word>(id, count) : target.mutableWords<Word>(id);
      for (size_t i = 0; i < count; ++i)
        to[i] = ((fresh ? Word(0) : to[i]) + factor * from[i]) & ringMask;
    });
  });
}

WeightTable weightMask(const plan::Plan &plan, const SecretSeed &seed0, const SecretSeed &seed1,
                       const plan::Id16 &modelId) {
  WeightTable mask = weightMaskShare(plan, seed0, Party::Zero, modelId);
  accumulate(plan, mask, weightMaskShare(plan, seed1, Party::One, modelId), +1);
  return mask;
}

MaskedWeights maskWeights(const plan::Plan &plan, const WeightTable &clear, const SecretSeed &seed0,
                          const SecretSeed &seed1, const plan::Id16 &modelId) {
  MaskedWeights masked{modelId, clear};
  accumulate(plan, masked.tensors, weightMask(plan, seed0, seed1, modelId), -1);
  return masked;
}

WeightTable unmaskWeights(const plan::Plan &plan, const MaskedWeights &masked,
                          const SecretSeed &seed0, const SecretSeed &seed1) {
  WeightTable clear = masked.tensors;
  accumulate(plan, clear, weightMask(plan, seed0, seed1, masked.modelId), +1);
  return clear;
}

ServerWeights serverWeights(const plan::Plan &plan, MaskedWeights masked,
                            const SecretSeed &partySeed, Party party) {
  ServerWeights weights{masked.modelId, std::move(masked.tensors),
                        weightMaskShare(plan, partySeed, party, masked.modelId)};
  if (party == Party::Zero)
    accumulate(plan, weights.share, weights.masked, +1);
  return weights;
}

ModelPaths ModelPaths::beside(const std::filesystem::path &planPath) {
  std::filesystem::path base = planPath;
  if (base.extension() == ".bin")
    base.replace_extension();
  auto with = [&](const char *suffix) { return std::filesystem::path(base.string() + suffix); };
  return {with(".weights"), with(".dealer.key"), {with(".s0.key"), with(".s1.key")}};
}

plan::Id16 stageModelFiles(StagedFiles &files, const plan::LoadedPlan &plan,
                           const WeightTable &clear, const std::filesystem::path &planPath) {
  ModelPaths paths = ModelPaths::beside(planPath);
  plan::Id16 modelId = plan::randomId();
  std::array<SecretSeed, 2> seeds = {SecretSeed::random(), SecretSeed::random()};
  MaskedWeights masked = maskWeights(plan.plan, clear, seeds[0], seeds[1], modelId);

  Ring ring = plan.ring();
  SecretVector<uint8_t> payload;
  visitWord(ring, [&]<class Word>() {
    forEachWeight(plan.plan, [&](uint32_t id, uint64_t count) {
      size_t at = payload.size();
      payload.resize(at + packedBytes(count, ring.bits));
      bestKernels().ring<Word>().pack(ring.bits, masked.tensors.words<Word>(id).data(), count,
                                      &payload[at]);
    });
  });
  // Masked weights are uniform; public ones are the model, though only servers and dealer may know
  // it.
  const bool inClear = plan.plan.weight_mode() == plan::WEIGHTS_PUBLIC;
  plan::stageCompanion(files, paths.weights, plan::companionHeader("weights", plan, modelId),
                       payload, /*secret=*/inClear);
  for (Party party : {Party::Zero, Party::One})
    plan::stagePartyKey(files, paths.partyKey[index(party)], plan,
                        {party, modelId, seeds[index(party)].clone()});
  plan::stageDealerKey(files, paths.dealerKey, plan, {modelId, std::move(seeds)});
  return modelId;
}

MaskedWeights readMaskedWeights(const std::filesystem::path &path, const plan::LoadedPlan &plan) {
  plan::Companion file = plan::readCompanion(path, {"weights"});
  plan::requirePlan(file, plan, path);
  Ring ring = plan.ring();
  uint64_t expected = 0;
  forEachWeight(plan.plan,
                [&](uint32_t, uint64_t count) { expected += packedBytes(count, ring.bits); });
  if (file.payload.size() != expected)
    throw Error(ExitCode::InvalidInput,
                fmt::format("{}: expects {} bytes of weights, got {}", path.string(), expected,
                            file.payload.size()),
                "copy it again from where gfscc wrote it");
  MaskedWeights masked{file.modelId, WeightTable(static_cast<size_t>(plan.plan.weights_size()))};
  const uint8_t *next = file.payload.data();
  visitWord(ring, [&]<class Word>() {
    forEachWeight(plan.plan, [&](uint32_t id, uint64_t count) {
      bestKernels().ring<Word>().unpack(ring.bits, next, count,
                                        masked.tensors.allocate<Word>(id, count).data());
      next += packedBytes(count, ring.bits);
    });
  });
  return masked;
}

} // namespace gfs
