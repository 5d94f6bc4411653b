// SPDX-License-Identifier: Apache-2.0
// Whole passes of both servers of a plan on one GPU, in one process, for several group sizes, with
// dealing and preparing; what the servers give of each group's first request is held, bit by bit,
// against what servers on the CPU give of the same material and shares. On a GPU also, launch by
// launch, where the online time goes, and what part of the matrix units' peak convolutions reach.
// Usage: gfs-pass-bench plan.bin [device [group …]]     (device: as gfsrun's --device; cuda)
// Where plan.weights is missing, weights and keys are made up: times and rightness do not depend on
// them. GFS_PEAK_TOPS: the peak that the part is of, as gfs-gpu-bench measures it.
#include "runtime/base/Clock.h"
#include "runtime/base/Error.h"
#include "runtime/exec/ClientShares.h"
#include "runtime/exec/Dealer.h"
#include "runtime/exec/DevicePlan.h"
#include "runtime/net/Channel.h"
#include "runtime/plan/Files.h"
#include "test/unit/exec/OneRequest.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <numeric>

using namespace gfs;

namespace {

/// Small values that differ from element to element.
ClearWords someInput(Ring ring, uint64_t elements) {
  ClearWords words(elements * ring.wordBytes());
  visitWord(ring, [&]<class Word>() {
    Word *out = reinterpret_cast<Word *>(words.data());
    for (uint64_t i = 0; i < elements; ++i)
      out[i] = static_cast<Word>(i * 37 % 257);
  });
  return words;
}

struct Model {
  std::array<SecretSeed, 2> seeds;
  MaskedWeights weights;
};

/// Weights from 0 to 63.
Model makeUpModel(const plan::Plan &plan) {
  Model model{{SecretSeed::random(), SecretSeed::random()}, {}};
  const AesKey key(std::array<uint8_t, 16>{1});
  WeightTable clear(static_cast<size_t>(plan.weights_size()));
  for (uint32_t id = 0; id < clear.size(); ++id)
    visitWord(Ring{plan.ring_bits()}, [&]<class Word>() {
      const auto words = clear.allocate<Word>(id, plan.weights(static_cast<int>(id)).elements());
      Prg(key, id).fillWords(words);
      for (Word &word : words)
        word &= 63;
    });
  model.weights = maskWeights(plan, clear, model.seeds[0], model.seeds[1], plan::randomId());
  return model;
}

Model readModel(const std::filesystem::path &path, const plan::LoadedPlan &plan) {
  const ModelPaths paths = ModelPaths::beside(path);
  if (!std::filesystem::exists(paths.weights)) {
    std::printf("%s: not there; weights and keys are made up\n", paths.weights.c_str());
    return makeUpModel(plan.plan);
  }
  plan::DealerKey key = plan::readDealerKey(paths.dealerKey, plan);
  return {std::move(key.seeds), readMaskedWeights(paths.weights, plan)};
}

struct Deployment {
  ProgramRef program;
  std::array<SecretSeed, 2> seeds;
  MaskedWeights weights;
  Dealer dealer;
  PartyExecutor server0, server1;
  PartyExecutor onCpu0, onCpu1; ///< What is right.

  Deployment(ProgramRef code, Model model, const Kernels &kernels)
      : program(std::move(code)), seeds(std::move(model.seeds)), weights(std::move(model.weights)),
        dealer(program, seeds[0], seeds[1], weights.modelId, &weights, kernels),
        server0(program, weights, seeds[0], Party::Zero, kernels),
        server1(program, weights, seeds[1], Party::One, kernels),
        onCpu0(program, weights, seeds[0], Party::Zero),
        onCpu1(program, weights, seeds[1], Party::One) {}
  void timeSteps(bool timed) {
    server0.timeSteps(timed);
    server1.timeSteps(timed);
  }
};

/// Requests that have everything but their turn; runGroup() tells them their inputs.
struct PreparedGroup {
  std::array<std::vector<GroupMember>, 2> members;
  std::array<std::vector<SecretVector<uint8_t>>, 2> inputs;
  SecretSeed common = SecretSeed::random();
  RequestId first;
  std::array<SecretVector<uint8_t>, 2> firstRecords;
  double dealSeconds = 0, prepareSeconds = 0; ///< Of one request; of one server and request.
};

RecordParts partsOf(const PartyExecutor &server, const SecretVector<uint8_t> &record) {
  RecordParts parts;
  auto from = record.begin();
  for (uint64_t bytes : server.recordPartBytes()) {
    parts.emplace_back(from, from + static_cast<ptrdiff_t>(bytes));
    from += static_cast<ptrdiff_t>(bytes);
  }
  return parts;
}

/// Deals for `count` requests from `serial` on, as many at a time as 2 GiB hold of records.
void begin(const Deployment &d, const plan::Id16 &material, uint64_t serial, uint32_t count,
           PreparedGroup &group) {
  const std::array<const PartyExecutor *, 2> servers = {&d.server0, &d.server1};
  const uint64_t pairBytes =
      d.program->recordBytes(Party::Zero) + d.program->recordBytes(Party::One) + 1;
  const uint64_t most = std::clamp<uint64_t>((uint64_t(2) << 30) / pairBytes, 1, 64);
  static ThreadPool helpers(availableProcessors());
  for (uint64_t done = 0, part = 0; done < count; done += part) {
    part = std::min<uint64_t>(most, count - done);
    std::vector<std::array<SecretVector<uint8_t>, 2>> records(part);
    std::vector<RecordPair> pairs;
    for (auto &pair : records) {
      for (Party party : {Party::Zero, Party::One})
        pair[index(party)].resize(d.program->recordBytes(party));
      pairs.push_back({pair[0], pair[1]});
    }
    const double start = secondsNow();
    d.dealer.deal(material, serial + done, pairs, helpers);
    group.dealSeconds += (secondsNow() - start) / count;
    for (uint64_t i = 0; i < part; ++i)
      for (size_t server = 0; server < 2; ++server)
        group.members[server].push_back(
            {servers[server]->begin(material, serial + done + i,
                                    partsOf(*servers[server], records[i][server])),
             nullptr,
             {}});
    if (done == 0)
      group.firstRecords = std::move(records[0]);
  }
}

PreparedGroup prepareGroup(const Deployment &d, const std::vector<ClearWords> &inputs,
                           const plan::Id16 &material, uint64_t &serial, uint32_t count) {
  PreparedGroup group;
  for (const ClearWords &input : inputs) {
    auto both = shareInput(d.program->ring(), input);
    for (size_t i = 0; i < 2; ++i)
      group.inputs[i].push_back(std::move(both[i]));
  }
  begin(d, material, serial, count, group);
  serial += count;
  group.first = group.members[0][0].prepared.request();
  const double start = secondsNow();
  for (size_t i = 0; i < 2; ++i) {
    std::vector<Prepared *> requests;
    for (GroupMember &member : group.members[i])
      requests.push_back(&member.prepared);
    (i == 0 ? d.server0 : d.server1).prepareAll(requests);
  }
  group.prepareSeconds = (secondsNow() - start) / 2 / count;
  return group;
}

/// Online seconds of one group, and whether the outputs of its first request are right, if that was
/// looked at.
struct Outcome {
  double seconds = 0, exchanging = 0;
  bool right = false;
  RunReport report; ///< Of server 0, which has both forms of the weights.
};

/// The output shares of a group's first request, by server, as servers on the CPU make them.
std::array<RunResult, 2> runFirstOnCpu(const Deployment &d, PreparedGroup &group) {
  auto ends = makeInMemoryChannel();
  auto prepare = [&](const PartyExecutor &server, SecretVector<uint8_t> record) {
    return prepareOne(server, group.first.materialId, group.first.serial, std::move(record));
  };
  Prepared p0 = prepare(d.onCpu0, std::move(group.firstRecords[0])),
           p1 = prepare(d.onCpu1, std::move(group.firstRecords[1]));
  auto other = std::async(std::launch::async, [&] {
    return runOne(d.onCpu1, std::move(p1), *ends.second, group.common, group.inputs[1]);
  });
  RunResult mine = runOne(d.onCpu0, std::move(p0), *ends.first, group.common, group.inputs[0]);
  return {std::move(mine), other.get()};
}

Outcome runGroup(const Deployment &d, PreparedGroup &group, bool check) {
  for (size_t i = 0; i < 2; ++i)
    for (GroupMember &member : group.members[i]) {
      member.common = &group.common;
      member.inputs = group.inputs[i];
    }
  auto ends = makeInMemoryChannel();
  const double start = secondsNow();
  auto other = std::async(std::launch::async, [&] {
    return d.server1.runGroup(std::move(group.members[1]), *ends.second);
  });
  std::vector<RunResult> mine = d.server0.runGroup(std::move(group.members[0]), *ends.first);
  const std::vector<RunResult> theirs = other.get();
  Outcome outcome{secondsNow() - start, mine[0].report.exchangeSeconds, true, {}};
  outcome.report = std::move(mine[0].report);
  if (!check)
    return outcome;
  const auto expected = runFirstOnCpu(d, group);
  outcome.right =
      mine[0].outputs == expected[0].outputs && theirs[0].outputs == expected[1].outputs;
  return outcome;
}

double sumOf(const std::vector<double> &values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// Where server 0's time goes, by the GPU's clock; and the rate of its convolutions: a
/// multiplication in a ring of L bytes is L (L + 1) / 2 of bytes.
void printSplit(const Program &program, const RunReport &report, uint32_t count) {
  const double compute = sumOf(report.evaluateSeconds), transfer = sumOf(report.transferSeconds);
  double seconds = 0, multiplications = 0;
  for (uint32_t step = 0; step < program.steps(); ++step)
    if (const auto use = program.gate(step).weightUse()) {
      seconds += report.evaluateSeconds[step];
      multiplications += double(use->shape.multiplications()) * count;
    }
  std::printf("             launch by launch: kernels %.3f ms, messages to and from the GPU %.3f "
              "ms, waiting %.3f ms",
              1e3 * compute, 1e3 * transfer, 1e3 * report.exchangeSeconds);
  if (seconds > 0) {
    const unsigned limbs = (program.ring().bits + 7) / 8;
    const double tops = multiplications * limbs * (limbs + 1) / seconds * 1e-12;
    std::printf("; convolutions %.3f ms, %.1f int8 TOPS", 1e3 * seconds, tops);
    if (const char *peak = std::getenv("GFS_PEAK_TOPS"); peak && std::atof(peak) > 0)
      std::printf(", %.1f %% of %s", 100 * tops / std::atof(peak), peak);
  }
  std::printf("\n");
}

int run(int argc, char **argv) {
  if (argc < 2)
    throw Error(ExitCode::Usage, "no plan", "gfs-pass-bench plan.bin [device [group …]]");
  const plan::LoadedPlan plan = plan::readPlan(argv[1]);
  Model model = readModel(argv[1], plan);
  const ProgramRef program = makeProgram(plan);
  const ComputeDevice device = openDevice(argc > 2 ? argv[2] : "cuda");
  std::printf("%s\n", describeDevice(device, program, DeviceUser::Local).c_str());
  Deployment d(program, std::move(model), *device.kernels);
  std::printf("whole passes on the device: %s, whole records: %s\n",
              d.server0.runsOnDevice() ? "yes" : "no", d.dealer.onDevice() ? "yes" : "no");
  std::vector<ClearWords> inputs;
  for (const plan::Port &port : plan.plan.inputs())
    inputs.push_back(someInput(program->ring(), program->valueElements(port.value())));
  const plan::Id16 material = plan::randomId();
  uint64_t serial = 0;
  bool right = true;
  for (int argument = 3; argument < std::max(argc, 4); ++argument) {
    const auto count = static_cast<uint32_t>(argument < argc ? std::atoi(argv[argument]) : 1);
    if (count < 1 || count > 65535)
      throw Error(ExitCode::Usage, "a group has 1 to 65535 requests",
                  "gfs-pass-bench plan.bin cuda 1 8 64");
    std::vector<Outcome> runs;
    double dealSeconds = 0, prepareSeconds = 0;
    // The first round takes memory, the second records launches.
    const int rounds = count > 512 ? 4 : 8;
    for (int round = 0; round < rounds; ++round) {
      PreparedGroup group = prepareGroup(d, inputs, material, serial, count);
      dealSeconds = group.dealSeconds;
      prepareSeconds = group.prepareSeconds;
      // The reference takes longer than the rest: it sees the first pass and the last replayed one.
      const bool check = round == 0 || round + 1 == rounds;
      runs.push_back(runGroup(d, group, check));
    }
    const bool allRight = std::ranges::all_of(runs, &Outcome::right);
    runs.erase(runs.begin(), runs.begin() + 2);
    std::ranges::sort(runs, {}, &Outcome::seconds);
    const Outcome &median = runs[(runs.size() - 1) / 2];
    right &= allRight;
    std::printf("group %5u: online %9.3f ms (exchanges %8.3f), %9.4f ms an image, %9.1f images/s; "
                "preparing %8.3f ms an image and server, dealing %8.3f ms an image; results %s\n",
                count, 1e3 * median.seconds, 1e3 * median.exchanging, 1e3 * median.seconds / count,
                count / median.seconds, 1e3 * prepareSeconds, 1e3 * dealSeconds,
                allRight ? "right" : "WRONG");
    if (d.server0.runsOnDevice()) {
      d.timeSteps(true);
      PreparedGroup group = prepareGroup(d, inputs, material, serial, count);
      const Outcome timed = runGroup(d, group, true);
      d.timeSteps(false);
      right &= timed.right;
      printSplit(*program, timed.report, count);
    }
    std::fflush(stdout);
  }
  return right ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  try {
    return run(argc, argv);
  } catch (const Error &error) {
    std::fprintf(stderr, "gfs-pass-bench: error: %s\n  %s\n", error.what(), error.hint().c_str());
    return static_cast<int>(error.code());
  }
}
