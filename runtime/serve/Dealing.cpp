// SPDX-License-Identifier: Apache-2.0
#include "runtime/serve/Dealing.h"

#include "runtime/base/Error.h"
#include "runtime/exec/Dealer.h"
#include "runtime/exec/DevicePlan.h"
#include "runtime/material/MaterialFile.h"
#include "runtime/serve/InOrder.h"
#include "runtime/serve/Progress.h"

#include <fmt/chrono.h>
#include <optional>
#include <thread>

namespace gfs::serve {

namespace {

/// The sealed records of one serial, or of those of a group, in order.
struct SealedPair {
  SecretVector<uint8_t> zero, one;
};

} // namespace

std::filesystem::path defaultMaterial(const std::filesystem::path &plan, Party party) {
  std::filesystem::path path = plan;
  return path.replace_extension(fmt::format(".s{}.material", index(party)));
}

/// Most memory that records in the making may take.
static constexpr uint64_t batchBytes = uint64_t(2) << 30;
/// Most records that a GPU makes at a time: launches of so many fill it.
static constexpr uint64_t mostRecords = 256;

static void checkPaths(const DealOptions &options) {
  if (options.records == 0)
    throw Error(ExitCode::Usage, "-n: expects at least one record");
  if (std::filesystem::absolute(options.outputs[0]) ==
      std::filesystem::absolute(options.outputs[1]))
    throw Error(ExitCode::Usage, "--out0 and --out1 are the same file",
                "each server needs its own");
  for (const std::filesystem::path &output : options.outputs)
    if (options.resume && std::filesystem::is_directory(output))
      throw Error(ExitCode::Usage, fmt::format("{}: --resume needs a file", output.string()),
                  "name the files of the interrupted run");
}

/// Both headers. A resumed set keeps the material id of the files that are there.
static std::array<MaterialInfo, 2> describe(const DealOptions &options, const Dealer &dealer,
                                            const plan::LoadedPlan &plan, const plan::Id16 &modelId,
                                            plan::Id16 materialId) {
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

namespace {

/// The writers of both files, and how records are made for them.
class Press {
public:
  Press(const DealOptions &options, const Dealer &dealer, const std::array<MaterialInfo, 2> &infos,
        const plan::DealerKey &key)
      : dealer(dealer), materialId(infos[0].materialId),
        pairBytes(infos[0].recordBytes() + infos[1].recordBytes()),
        zero(openWriter(options, infos[0], key.seeds[0])),
        one(openWriter(options, infos[1], key.seeds[1])), records(options.records),
        kept(std::min(zero.written(), one.written())),
        progress("dealing", options.records, kept, options.quiet) {
    // Shares of one serial come from one run of the dealer: what only one file has is dealt again
    // for both.
    zero.truncate(kept);
    one.truncate(kept);
  }

  /// Serials were complete already.
  uint64_t serialsKept() const { return kept; }

  /// Dealt and sealed by workers, written here: a disk that is slow stops no computing.
  void onCpu(unsigned threads) {
    const auto workers =
        static_cast<unsigned>(std::clamp<uint64_t>(batchBytes / (2 * pairBytes), 1, threads));
    InOrder<SealedPair> pairs(kept, records, workers, [&](uint64_t serial) {
      SealedPair pair = blank();
      dealer.deal(materialId, serial, MaterialWriter::payload(pair.zero),
                  MaterialWriter::payload(pair.one));
      seal(serial, pair);
      return pair;
    });
    for (uint64_t serial = kept; serial < records; ++serial)
      append(serial, pairs.take());
  }

  /// `size` records at a time: while one group is sealed by all processors, the GPU makes the next.
  void onDevice(uint64_t size, unsigned threads) {
    constexpr unsigned groupsAtATime = 2;
    ThreadPool helpers(threads);
    const uint64_t groups = (records - kept + size - 1) / size;
    InOrder<std::vector<SealedPair>> made(0, groups, groupsAtATime, [&](uint64_t group) {
      const uint64_t first = kept + group * size;
      std::vector<SealedPair> pairs;
      std::vector<RecordPair> payloads;
      for (uint64_t serial = first; serial < std::min(first + size, records); ++serial) {
        SealedPair &pair = pairs.emplace_back(blank());
        payloads.push_back({MaterialWriter::payload(pair.zero), MaterialWriter::payload(pair.one)});
      }
      dealer.deal(materialId, first, payloads, helpers);
      helpers.run(pairs.size(), [&](uint64_t i) { seal(first + i, pairs[i]); });
      return pairs;
    });
    uint64_t serial = kept;
    for (uint64_t group = 0; group < groups; ++group)
      for (const SealedPair &pair : made.take())
        append(serial++, pair);
  }

  void finish() {
    zero.finish();
    one.finish();
  }

private:
  SealedPair blank() const { return {zero.blank(), one.blank()}; }
  void seal(uint64_t serial, SealedPair &pair) const {
    zero.seal(serial, pair.zero);
    one.seal(serial, pair.one);
  }
  void append(uint64_t serial, const SealedPair &pair) {
    zero.append(pair.zero);
    one.append(pair.one);
    progress.update(serial + 1, (serial + 1 - kept) * pairBytes);
  }

  const Dealer &dealer;
  const plan::Id16 materialId;
  const uint64_t pairBytes;
  MaterialWriter zero, one;
  const uint64_t records, kept;
  Progress progress;
};

} // namespace

/// Two groups are made and up to four wait for the disk.
static uint32_t groupSize(const DealOptions &options, const ProgramRef &program,
                          const ComputeDevice &device) {
  if (options.group > 0)
    return options.group;
  const uint64_t pairBytes =
      program->recordBytes(Party::Zero) + program->recordBytes(Party::One) + 1;
  const uint64_t most = std::min({batchBytes / (6 * pairBytes), options.records, mostRecords});
  return recordsAtATime(program, device.freeMemory, static_cast<uint32_t>(most));
}

/// "20261121T182644.123Z-5f3a91c0.s0.material": in the order of their names, in which servers use
/// them, sets are in the order in which they were dealt.
static std::string nameInFolder(const plan::Id16 &id, Party party) {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y%m%dT%H%M%S}.{:03}Z-{}.s{}.material",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     now.time_since_epoch().count() % 1000, plan::hex(id).substr(0, 8),
                     index(party));
}

/// A folder is there already, or has a slash at its end and is made. Throws OutputUnwritable.
static bool isFolder(const std::filesystem::path &output) {
  std::error_code failure;
  if (!output.has_filename() && !std::filesystem::exists(output)) {
    std::filesystem::create_directories(output.parent_path(), failure);
    if (failure)
      throw Error(ExitCode::OutputUnwritable,
                  fmt::format("{}: cannot be made: {}", output.string(), failure.message()),
                  "check --out0 and --out1");
  }
  return std::filesystem::is_directory(output, failure);
}

DealSummary deal(const DealOptions &given) {
  checkPaths(given);
  DealOptions options = given;
  const plan::Id16 freshId = plan::randomId();
  auto start = std::chrono::steady_clock::now();
  plan::LoadedPlan plan = plan::readPlan(options.plan);
  plan::DealerKey key = plan::readDealerKey(options.dealerKey, plan);
  std::optional<MaskedWeights> weights;
  if (plan.plan.weight_mode() == plan::WEIGHTS_PUBLIC) {
    weights = readMaskedWeights(options.weights, plan);
    plan::requireModel(key.modelId, weights->modelId, options.weights);
  }
  for (Party party : {Party::Zero, Party::One})
    if (std::filesystem::path &output = options.outputs[index(party)]; isFolder(output))
      output /= nameInFolder(freshId, party);
  const ProgramRef program = makeProgram(plan);
  const ComputeDevice device = openDevice(options.device);
  const uint32_t group = device.isGpu ? groupSize(options, program, device) : 1;
  const std::string text = describeDevice(device, program, DeviceUser::Dealer, group);
  const Dealer dealer(program, key.seeds[0], key.seeds[1], key.modelId,
                      weights ? &*weights : nullptr, *device.kernels);
  const std::array<MaterialInfo, 2> infos = describe(options, dealer, plan, key.modelId, freshId);
  Press press(options, dealer, infos, key);
  const unsigned threads =
      options.threads ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  if (dealer.onDevice())
    press.onDevice(group, threads);
  else
    press.onCpu(threads);
  press.finish();
  return {options.records - press.serialsKept(),
          press.serialsKept(),
          options.outputs,
          {infos[0].recordBytes(), infos[1].recordBytes()},
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          text};
}

} // namespace gfs::serve
