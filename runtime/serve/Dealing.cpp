// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Dealing.h"

#include "runtime/base/Error.h"
#include "runtime/exec/Dealer.h"
#include "runtime/material/MaterialFile.h"
#include "runtime/serve/InOrder.h"
#include "runtime/serve/Progress.h"

#include <optional>
#include <thread>

namespace gfs::serve {

namespace {

/// The sealed records of one serial.
struct RecordPair {
  SecretVector<uint8_t> zero, one;
};

} // namespace

std::filesystem::path defaultMaterial(const std::filesystem::path &plan, Party party) {
  std::filesystem::path path = plan;
  return path.replace_extension(fmt::format(".s{}.material", index(party)));
}

/// Most memory that records in the making may take.
static constexpr uint64_t batchBytes = uint64_t(2) << 30;

static void checkPaths(const DealOptions &options) {
  if (options.records == 0)
    throw Error(ExitCode::Usage, "-n: expects at least one record");
  if (std::filesystem::absolute(options.outputs[0]) ==
      std::filesystem::absolute(options.outputs[1]))
    throw Error(ExitCode::Usage, "--out0 and --out1 are the same file",
                "each server needs its own");
}

/// Both headers. A resumed set keeps the material id of the files that are there.
static std::array<MaterialInfo, 2> describe(const DealOptions &options, const Dealer &dealer,
                                            const plan::LoadedPlan &plan,
                                            const plan::Id16 &modelId) {
  plan::Id16 materialId = plan::randomId();
  if (options.resume)
    materialId = readMaterialInfo(options.outputs[0]).materialId;
  std::array<MaterialInfo, 2> infos;
  for (Party party : {Party::Zero, Party::One}) {
    MaterialInfo &info = infos[index(party)];
    info.planHash = plan.hash;
    info.modelId = modelId;
    info.materialId = materialId;
    info.party = party;
    info.records = options.records;
    info.payloadBytes = dealer.recordBytes(party);
  }
  return infos;
}

static MaterialWriter openWriter(const DealOptions &options, const MaterialInfo &info,
                                 const SecretSeed &seed) {
  const std::filesystem::path &path = options.outputs[index(info.party)];
  // An interruption may have come before the second file was made.
  bool resume = options.resume && std::filesystem::exists(path);
  return resume ? MaterialWriter::resume(path, info, seed)
                : MaterialWriter::create(path, info, seed, options.replace);
}

DealSummary deal(const DealOptions &options) {
  checkPaths(options);
  auto start = std::chrono::steady_clock::now();
  plan::LoadedPlan plan = plan::readPlan(options.plan);
  plan::DealerKey key = plan::readDealerKey(options.dealerKey, plan);
  std::optional<MaskedWeights> weights;
  if (plan.plan.weight_mode() == plan::WEIGHTS_PUBLIC) {
    weights = readMaskedWeights(options.weights, plan);
    plan::requireModel(key.modelId, weights->modelId, options.weights);
  }
  Dealer dealer(makeProgram(plan), key.seeds[0], key.seeds[1], key.modelId,
                weights ? &*weights : nullptr);

  std::array<MaterialInfo, 2> infos = describe(options, dealer, plan, key.modelId);
  MaterialWriter zero = openWriter(options, infos[0], key.seeds[0]),
                 one = openWriter(options, infos[1], key.seeds[1]);
  // Shares of one serial come from one run of the dealer: what only one file has is dealt again for
  // both.
  uint64_t kept = std::min(zero.written(), one.written());
  zero.truncate(kept);
  one.truncate(kept);

  uint64_t pairBytes = infos[0].recordBytes() + infos[1].recordBytes();
  // Dealt and sealed by workers, written here: a disk that is slow stops no computing.
  unsigned threads =
      options.threads ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  threads = static_cast<unsigned>(std::clamp<uint64_t>(batchBytes / (2 * pairBytes), 1, threads));
  InOrder<RecordPair> pairs(kept, options.records, threads, [&](uint64_t serial) {
    RecordPair pair{zero.blank(), one.blank()};
    dealer.deal(infos[0].materialId, serial, MaterialWriter::payload(pair.zero),
                MaterialWriter::payload(pair.one));
    zero.seal(serial, pair.zero);
    one.seal(serial, pair.one);
    return pair;
  });
  Progress progress("dealing", options.records, kept, options.quiet);
  for (uint64_t serial = kept; serial < options.records; ++serial) {
    const RecordPair pair = pairs.take();
    zero.append(pair.zero);
    one.append(pair.one);
    progress.update(serial + 1, (serial + 1 - kept) * pairBytes);
  }
  zero.finish();
  one.finish();
  return {options.records - kept,
          kept,
          {infos[0].recordBytes(), infos[1].recordBytes()},
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

} // namespace gfs::serve
