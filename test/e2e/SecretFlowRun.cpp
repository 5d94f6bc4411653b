// SPDX-License-Identifier: Apache-2.0
// Shares an input, deals, prepares and runs a plan, and joins the output, all in one process, with
// every secret marked as undefined memory. Under valgrind's memcheck, which follows undefined bits
// through all arithmetic, each branch and each address that depends on a secret is then an error,
// as in BoringSSL's constant-time tests. Usage: SecretFlowRun PLAN [--leak=branch|index]
//
// Secret: the servers' seeds, the seed of a request, the input and its shares; and so all that is
// computed from them, the result too. Public, and marked as defined again: messages between the
// servers, as they leave, and nothing else. `--leak` does what must not be done, to show that it is
// found.
#include "runtime/exec/ClientShares.h"
#include "runtime/exec/Dealer.h"
#include "test/unit/exec/OneRequest.h"

#include <fmt/format.h>
#include <valgrind/memcheck.h>

#include <future>
#include <string_view>

namespace gfs {
namespace {

enum ExitStatus { Done = 0, Wrong = 1, NotUnderValgrind = 77 };

void markSecret(std::span<const uint8_t> bytes) {
  VALGRIND_MAKE_MEM_UNDEFINED(bytes.data(), bytes.size());
}
void markPublic(std::span<const uint8_t> bytes) {
  VALGRIND_MAKE_MEM_DEFINED(bytes.data(), bytes.size());
}
bool isSecret(std::span<const uint8_t> bytes) {
  std::vector<uint8_t> undefined(bytes.size());
  VALGRIND_GET_VBITS(bytes.data(), undefined.data(), bytes.size());
  return std::ranges::any_of(undefined, [](uint8_t bits) { return bits != 0; });
}

/// What is sent may be seen by anybody.
class PublishingChannel final : public Channel {
public:
  explicit PublishingChannel(std::unique_ptr<Channel> end) : end(std::move(end)) {}
  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    begin(outgoing, incoming);
    push(outgoing.size());
    finish();
  }
  void begin(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    message = outgoing;
    end->begin(outgoing, incoming);
  }
  void push(size_t bytes) override {
    markPublic(message.first(bytes));
    end->push(bytes);
  }
  void pull(size_t bytes) override { end->pull(bytes); }
  void finish() override { end->finish(); }
  void abandon() noexcept override { end->abandon(); }

private:
  std::unique_ptr<Channel> end;
  std::span<const uint8_t> message;
};

void leak(std::string_view how, const SecretSeed &seed) {
  static volatile int table[256] = {};
  [[maybe_unused]] static volatile int sink = 0;
  if (how == "index")
    sink = table[seed.bytes()[0]];
  else if (how == "branch" && (seed.bytes()[0] & 1) != 0)
    sink = 1;
}

/// Inputs that reach both sides of every threshold.
ClearWords someInput(const Program &program, const PortShape &port) {
  std::vector<float> values(port.elements);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i % 17) / 8.0f - 1.0f;
  return encodeFixed(program.ring(), port.scale, values);
}

/// Whether every output share and the result depend on secrets; if not, marks got lost on the way.
bool run(const std::filesystem::path &path, std::string_view leakHow) {
  ProgramRef program = makeProgram(plan::readPlan(path));
  const plan::LoadedPlan &loaded = program->loaded();
  const ModelPaths files = ModelPaths::beside(path);
  MaskedWeights weights = readMaskedWeights(files.weights, loaded);
  plan::DealerKey key = plan::readDealerKey(files.dealerKey, loaded);
  const SecretSeed common = SecretSeed::random();
  for (const SecretSeed *seed :
       std::initializer_list<const SecretSeed *>{&key.seeds[0], &key.seeds[1], &common})
    markSecret(seed->bytes());
  leak(leakHow, key.seeds[0]);

  const plan::Id16 material = {1};
  Dealer dealer(program, key.seeds[0], key.seeds[1], weights.modelId, &weights);
  std::array<SecretVector<uint8_t>, 2> records;
  for (Party party : {Party::Zero, Party::One})
    records[index(party)].assign(program->recordBytes(party), 0);
  dealer.deal(material, 0, records[0], records[1]);

  std::array<std::vector<SecretVector<uint8_t>>, 2> shares;
  for (int i = 0; i < loaded.plan.inputs_size(); ++i) {
    const ClearWords input = someInput(*program, portShape(loaded.plan, loaded.plan.inputs(i)));
    markSecret({reinterpret_cast<const uint8_t *>(input.data()), input.size()});
    auto both = shareInput(program->ring(), input);
    if (!isSecret(both[1]))
      return false;
    for (Party party : {Party::Zero, Party::One}) {
      markSecret(both[index(party)]);
      shares[index(party)].push_back(std::move(both[index(party)]));
    }
  }
  auto ends = makeInMemoryChannel();
  std::array<std::unique_ptr<Channel>, 2> channels = {
      std::make_unique<PublishingChannel>(std::move(ends.first)),
      std::make_unique<PublishingChannel>(std::move(ends.second))};
  auto serve = [&](Party party) {
    std::unique_ptr<Channel> channel = std::move(channels[index(party)]);
    PartyExecutor executor(program, weights, key.seeds[index(party)], party);
    Prepared prepared = prepareOne(executor, material, 0, records[index(party)]);
    return runOne(executor, std::move(prepared), *channel, common, shares[index(party)]).outputs;
  };
  auto second = std::async(std::launch::async, serve, Party::One);
  const auto mine = serve(Party::Zero), theirs = second.get();
  for (const auto &outputs : {mine, theirs})
    for (const SecretVector<uint8_t> &share : outputs)
      if (!isSecret(share))
        return false;
  for (int i = 0; i < loaded.plan.outputs_size(); ++i) {
    const ClearWords result =
        joinOutput(program->ring(), portShape(loaded.plan, loaded.plan.outputs(i)).elements,
                   mine[static_cast<size_t>(i)], theirs[static_cast<size_t>(i)]);
    if (!isSecret({reinterpret_cast<const uint8_t *>(result.data()), result.size()}))
      return false;
  }
  return true;
}

} // namespace
} // namespace gfs

int main(int argc, char **argv) {
  if (!RUNNING_ON_VALGRIND) {
    fmt::print("SecretFlowRun: says nothing unless it runs under valgrind\n");
    return gfs::NotUnderValgrind;
  }
  const std::string_view option = argc > 2 ? argv[2] : "";
  const std::string_view leakHow = option.starts_with("--leak=") ? option.substr(7) : "";
  try {
    if (gfs::run(argv[1], leakHow))
      return gfs::Done;
    fmt::print(stderr, "SecretFlowRun: an output share depends on no secret\n");
  } catch (const std::exception &error) {
    fmt::print(stderr, "SecretFlowRun: {}\n", error.what());
  }
  return gfs::Wrong;
}
