// SPDX-License-Identifier: Apache-2.0
// What a server sees while a whole compiled network runs, over many runs. The server's own
// randomness is fixed, the peer's is fresh: then every byte it receives, from the peer or from the
// dealer, must be uniform at its place, and must look the same whatever input and weights are.
//
// A statistical test proves nothing about secrecy; it finds masks that were forgotten, used twice
// or biased. The last test shows that it does.
#include "runtime/base/Error.h"
#include "runtime/exec/ClientShares.h"
#include "runtime/exec/Dealer.h"
#include "test/unit/exec/OneRequest.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <numeric>

namespace gfs {
namespace {

constexpr int runs = 150;
constexpr size_t degrees = 255;
/// Chi-square has mean d and variance 2d; past ten deviations by chance once in 10^13.
const double seldom = degrees + 10 * std::sqrt(2.0 * degrees);

/// The demo's network, compiled by gfscc.
class Network {
public:
  Network() {
    folder =
        std::filesystem::temp_directory_path() / ("gfs-transcript-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    const std::filesystem::path path = folder / "plan.bin";
    const std::string command = std::string(GFS_TEST_GFSCC) + " " + GFS_TEST_SOURCE +
                                "/test/models/fashion_cnn.onnx -q -o " + path.string() +
                                " --calib " + GFS_TEST_SOURCE + "/test/data/fashion_calib.npy";
    check(std::system(command.c_str()) == 0, "gfscc compiles the demo's network");
    program = makeProgram(plan::readPlan(path));
    const plan::LoadedPlan &loaded = program->loaded();
    plan::DealerKey key = plan::readDealerKey(ModelPaths::beside(path).dealerKey, loaded);
    trained =
        unmaskWeights(loaded.plan, readMaskedWeights(ModelPaths::beside(path).weights, loaded),
                      key.seeds[0], key.seeds[1]);
  }
  ~Network() { std::filesystem::remove_all(folder); }

  /// Weights that are all zero: with them an unmasked layer would send zeros.
  WeightTable zeros() const {
    std::vector<std::vector<int64_t>> values;
    for (const plan::WeightTensor &tensor : program->plan().weights())
      values.emplace_back(tensor.elements(), 0);
    return clearWeights(program->plan(), values);
  }
  /// An image of one brightness.
  ClearWords image(float brightness) const {
    PortShape port = portShape(program->plan(), program->plan().inputs(0));
    return encodeFixed(program->ring(), port.scale, std::vector<float>(port.elements, brightness));
  }

  ProgramRef program;
  WeightTable trained;

private:
  std::filesystem::path folder;
};

/// Keeps what its end receives.
class RecordingChannel final : public Channel {
public:
  explicit RecordingChannel(std::unique_ptr<Channel> end) : end(std::move(end)) {}
  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    end->exchange(outgoing, incoming);
    received.emplace_back(incoming.begin(), incoming.end());
  }
  std::vector<std::vector<uint8_t>> received; ///< By exchange.

private:
  std::unique_ptr<Channel> end;
};

/// Counts of byte values by class of position: the message, and the place in the packing of l-bit
/// elements, which repeats every l bytes. All messages of this network fill their last byte, so
/// there is no padding to leave out.
class Histograms {
public:
  Histograms(size_t messages, size_t ringBits) : ringBits(ringBits), messages(messages) {}

  void add(size_t message, std::span<const uint8_t> bytes) {
    Message &m = messages.at(message);
    if (m.classes == 0 && !bytes.empty()) { // Enough samples for a chi-square in each class.
      m.classes = std::clamp<size_t>(bytes.size() * runs / 2048, 1, ringBits);
      m.counts.resize(m.classes * 256);
    }
    for (size_t i = 0; i < bytes.size(); ++i)
      m.counts[(i % m.classes) * 256 + bytes[i]] += 1;
  }

  /// The largest chi-square of any class against uniform.
  double worstAgainstUniform() const {
    double worst = 0;
    forEachClass([&](size_t message, size_t c) {
      std::span<const double> counts = classOf(message, c);
      const double expected = std::accumulate(counts.begin(), counts.end(), 0.0) / 256;
      double sum = 0;
      for (double count : counts)
        sum += (count - expected) * (count - expected) / expected;
      worst = std::max(worst, sum);
    });
    return worst;
  }
  /// The largest two-sample chi-square of any class; both must have as many runs.
  double worstAgainst(const Histograms &other) const {
    double worst = 0;
    forEachClass([&](size_t message, size_t c) {
      std::span<const double> mine = classOf(message, c), theirs = other.classOf(message, c);
      double sum = 0;
      for (size_t value = 0; value < 256; ++value)
        if (double both = mine[value] + theirs[value]; both > 0)
          sum += (mine[value] - theirs[value]) * (mine[value] - theirs[value]) / both;
      worst = std::max(worst, sum);
    });
    return worst;
  }

private:
  struct Message {
    size_t classes = 0;
    std::vector<double> counts;
  };
  template <class Body> void forEachClass(Body &&body) const {
    for (size_t message = 0; message < messages.size(); ++message)
      for (size_t c = 0; c < messages[message].classes; ++c)
        body(message, c);
  }
  std::span<const double> classOf(size_t message, size_t c) const {
    return std::span(messages.at(message).counts).subspan(c * 256, 256);
  }

  size_t ringBits;
  std::vector<Message> messages;
};

enum class PeerSeed { Fresh, Fixed };

/// All that `receiver` gets in `runs` runs: the peer's messages and its dealt record. Its own seed,
/// and everything else it contributes, is the same in every run.
Histograms observe(const Network &network, Party receiver, const WeightTable &weights,
                   const ClearWords &input, PeerSeed peer) {
  const Program &program = *network.program;
  const plan::Plan &plan = program.plan();
  const plan::Id16 model = {1}, material = {2};
  const SecretSeed own = SecretSeed::random(), common = SecretSeed::random();
  const SecretSeed fixedPeer = SecretSeed::random();
  const size_t exchanges = program.stages().size() - 1;
  Histograms histograms(exchanges + 1, plan.ring_bits()); // The dealt record comes last.
  for (int run = 0; run < runs; ++run) {
    SecretSeed other = peer == PeerSeed::Fresh ? SecretSeed::random() : fixedPeer.clone();
    const SecretSeed &seed0 = receiver == Party::Zero ? own : other;
    const SecretSeed &seed1 = receiver == Party::Zero ? other : own;
    Dealer dealer(network.program, seed0, seed1, model);
    std::array<SecretVector<uint8_t>, 2> records = {
        SecretVector<uint8_t>(program.recordBytes(Party::Zero), 0),
        SecretVector<uint8_t>(program.recordBytes(Party::One), 0)};
    dealer.deal(material, 0, records[0], records[1]);
    histograms.add(exchanges, records[index(receiver)]);

    // The worst client: the peer gets the value itself, so that its messages hide it by masks
    // alone.
    std::array<std::vector<SecretVector<uint8_t>>, 2> inputs;
    const uint64_t elements = portShape(plan, plan.inputs(0)).elements;
    for (Party party : {Party::Zero, Party::One}) {
      inputs[index(party)].emplace_back(packedBytes(elements, plan.ring_bits()), uint8_t(0));
      if (party != receiver)
        visitWord(program.ring(), [&]<class Word>() {
          bestKernels().ring<Word>().pack(plan.ring_bits(),
                                          reinterpret_cast<const Word *>(input.data()), elements,
                                          inputs[index(party)][0].data());
        });
    }
    auto ends = makeInMemoryChannel();
    std::array<RecordingChannel, 2> channels = {RecordingChannel(std::move(ends.first)),
                                                RecordingChannel(std::move(ends.second))};
    auto serve = [&](Party party) {
      PartyExecutor executor(network.program, maskWeights(plan, weights, seed0, seed1, model),
                             party == Party::Zero ? seed0 : seed1, party);
      Prepared prepared = prepareOne(executor, material, 0, std::move(records[index(party)]));
      runOne(executor, std::move(prepared), channels[index(party)], common, inputs[index(party)]);
    };
    auto second = std::async(std::launch::async, serve, Party::One);
    serve(Party::Zero);
    second.get();
    const auto &received = channels[index(receiver)].received;
    for (size_t exchange = 0; exchange < received.size(); ++exchange)
      histograms.add(exchange, received[exchange]);
  }
  return histograms;
}

class Transcript : public ::testing::TestWithParam<Party> {
protected:
  static void SetUpTestSuite() { network = std::make_unique<Network>(); }
  static void TearDownTestSuite() { network.reset(); }
  static std::unique_ptr<Network> network;
};
std::unique_ptr<Network> Transcript::network;

TEST_P(Transcript, IsUniformAndTellsNothingOfInputAndWeights) {
  Histograms trained =
      observe(*network, GetParam(), network->trained, network->image(200), PeerSeed::Fresh);
  Histograms zeros =
      observe(*network, GetParam(), network->zeros(), network->image(0), PeerSeed::Fresh);
  EXPECT_LT(trained.worstAgainstUniform(), seldom);
  EXPECT_LT(zeros.worstAgainstUniform(), seldom);
  EXPECT_LT(trained.worstAgainst(zeros), seldom);
}

TEST_P(Transcript, WouldShowMasksThatAreUsedTwice) {
  Histograms repeated =
      observe(*network, GetParam(), network->zeros(), network->image(0), PeerSeed::Fixed);
  EXPECT_GT(repeated.worstAgainstUniform(), 10 * seldom);
}

INSTANTIATE_TEST_SUITE_P(Servers, Transcript, ::testing::Values(Party::Zero, Party::One),
                         [](const auto &info) {
                           return fmt::format("Server{}", index(info.param));
                         });

} // namespace
} // namespace gfs
