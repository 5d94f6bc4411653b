// SPDX-License-Identifier: Apache-2.0
// Whole passes of both servers of a plan on one GPU, in one process, for several group sizes; the
// result of each group is held against the clear reference of its first request.
// Usage: gfs-pass-bench plan.bin [device [group …]]     (device: as gfsrun's --device; cuda)
#include "runtime/base/Error.h"
#include "runtime/exec/ClearExecutor.h"
#include "runtime/exec/ClientShares.h"
#include "runtime/exec/Dealer.h"
#include "runtime/exec/DevicePlan.h"
#include "runtime/exec/PartyExecutor.h"
#include "runtime/net/Channel.h"
#include "runtime/plan/Files.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>

using namespace gfs;

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

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

struct Deployment {
  ProgramRef program;
  plan::DealerKey key;
  MaskedWeights weights;
  Dealer dealer;
  PartyExecutor server0, server1;

  Deployment(ProgramRef code, plan::DealerKey dealerKey, MaskedWeights masked,
             const Kernels &kernels)
      : program(std::move(code)), key(std::move(dealerKey)), weights(std::move(masked)),
        dealer(program, key.seeds[0], key.seeds[1], weights.modelId, &weights, kernels),
        server0(program, weights, key.seeds[0], Party::Zero, kernels),
        server1(program, weights, key.seeds[1], Party::One, kernels) {}
};

/// Requests that have everything but their turn.
struct PreparedGroup {
  std::array<std::vector<GroupMember>, 2> members;
  std::array<std::vector<SecretVector<uint8_t>>, 2> inputs;
  SecretSeed common = SecretSeed::random();
  RequestId first;
  double prepareSeconds = 0; ///< Of one server and request.
};

PreparedGroup prepareGroup(const Deployment &d, const std::vector<ClearWords> &inputs,
                           const plan::Id16 &material, uint64_t &serial, uint32_t count) {
  PreparedGroup group;
  for (const ClearWords &input : inputs) {
    auto both = shareInput(d.program->ring(), input);
    for (size_t i = 0; i < 2; ++i)
      group.inputs[i].push_back(std::move(both[i]));
  }
  for (uint32_t request = 0; request < count; ++request, ++serial) {
    std::array<SecretVector<uint8_t>, 2> records;
    for (Party party : {Party::Zero, Party::One})
      records[index(party)].resize(d.program->recordBytes(party));
    d.dealer.deal(material, serial, records[0], records[1]);
    const double start = now();
    for (size_t i = 0; i < 2; ++i)
      group.members[i].push_back(
          {(i == 0 ? d.server0 : d.server1).prepare(material, serial, std::move(records[i])),
           &group.common, group.inputs[i]});
    group.prepareSeconds += (now() - start) / 2 / count;
    if (request == 0)
      group.first = group.members[0][0].prepared.request();
  }
  return group;
}

/// Online seconds of one group, and whether the outputs of its first request are right.
struct Outcome {
  double seconds = 0, exchanging = 0;
  bool right = false;
};

Outcome runGroup(const Deployment &d, PreparedGroup group, const std::vector<ClearWords> &inputs,
                 const WeightTable &clear) {
  auto ends = makeInMemoryChannel();
  const double start = now();
  auto other = std::async(std::launch::async, [&] {
    return d.server1.runGroup(std::move(group.members[1]), *ends.second);
  });
  const std::vector<RunResult> mine = d.server0.runGroup(std::move(group.members[0]), *ends.first);
  const std::vector<RunResult> theirs = other.get();
  Outcome outcome{now() - start, mine[0].report.exchangeSeconds, true};
  const auto expected =
      ClearExecutor(d.program, clear).run(d.key.seeds[0], d.key.seeds[1], group.first, inputs);
  const plan::Plan &plan = d.program->plan();
  for (size_t port = 0; port < expected.size(); ++port)
    outcome.right &=
        joinOutput(d.program->ring(),
                   d.program->valueElements(plan.outputs(static_cast<int>(port)).value()),
                   mine[0].outputs[port], theirs[0].outputs[port]) == expected[port];
  return outcome;
}

int run(int argc, char **argv) {
  if (argc < 2)
    throw Error(ExitCode::Usage, "no plan", "gfs-pass-bench plan.bin [device [group …]]");
  const plan::LoadedPlan plan = plan::readPlan(argv[1]);
  const ModelPaths paths = ModelPaths::beside(argv[1]);
  plan::DealerKey key = plan::readDealerKey(paths.dealerKey, plan);
  const ProgramRef program = makeProgram(plan);
  const ComputeDevice device = openDevice(argc > 2 ? argv[2] : "cuda");
  std::printf("%s\n", describeDevice(device, program, DeviceUser::Local).c_str());
  const Deployment d(program, std::move(key), readMaskedWeights(paths.weights, plan),
                     *device.kernels);
  const WeightTable clear = unmaskWeights(plan.plan, d.weights, d.key.seeds[0], d.key.seeds[1]);
  std::printf("whole passes on the device: %s\n", d.server0.runsOnDevice() ? "yes" : "no");
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
    double prepareSeconds = 0;
    const int rounds = count > 512 ? 3 : 7; // the first one records launches and takes memory
    for (int round = 0; round < rounds; ++round) {
      PreparedGroup group = prepareGroup(d, inputs, material, serial, count);
      prepareSeconds = group.prepareSeconds;
      runs.push_back(runGroup(d, std::move(group), inputs, clear));
    }
    const bool allRight = std::ranges::all_of(runs, &Outcome::right);
    runs.erase(runs.begin());
    std::ranges::sort(runs, {}, &Outcome::seconds);
    const Outcome &median = runs[(runs.size() - 1) / 2];
    right &= allRight;
    std::printf("group %5u: online %9.3f ms (exchanges %8.3f), %9.4f ms an image, %9.1f images/s; "
                "preparing %8.3f ms an image and server; results %s\n",
                count, 1e3 * median.seconds, 1e3 * median.exchanging, 1e3 * median.seconds / count,
                count / median.seconds, 1e3 * prepareSeconds, allRight ? "right" : "WRONG");
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
