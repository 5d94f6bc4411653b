// SPDX-License-Identifier: Apache-2.0
// What a server receives in a whole network: uniform in every byte position of every exchange, and
// the same whether input and weights are all zero or as large as they may be. The server's own seed
// is held fixed, the peer's is drawn anew each run.
#include "test/unit/gates/GateTest.h"

#include <future>
#include <map>
#include <numeric>

namespace gfs {
namespace {

/// Keeps what its end receives, exchange by exchange.
class ReceivingChannel final : public Channel {
public:
  explicit ReceivingChannel(std::unique_ptr<Channel> end) : end(std::move(end)) {}
  void exchange(std::span<const uint8_t> outgoing, std::span<uint8_t> incoming) override {
    end->exchange(outgoing, incoming);
    received.emplace_back(incoming.begin(), incoming.end());
  }
  std::vector<std::vector<uint8_t>> received;

private:
  std::unique_ptr<Channel> end;
};

using Histogram = std::array<double, 256>;
/// By exchange and position of the byte in a ring word.
using View = std::map<std::pair<size_t, size_t>, Histogram>;

plan::Conv conv(uint32_t inChannels, uint32_t outChannels) {
  plan::Conv c;
  c.set_batch(1);
  c.set_in_channels(inChannels);
  c.set_out_channels(outChannels);
  for (auto set : {&plan::Conv::set_in_h, &plan::Conv::set_in_w, &plan::Conv::set_out_h,
                   &plan::Conv::set_out_w})
    (c.*set)(8);
  for (auto set : {&plan::Conv::set_kernel_h, &plan::Conv::set_kernel_w})
    (c.*set)(3);
  for (auto set : {&plan::Conv::set_stride_h, &plan::Conv::set_stride_w,
                   &plan::Conv::set_dilation_h, &plan::Conv::set_dilation_w,
                   &plan::Conv::set_pad_top, &plan::Conv::set_pad_left, &plan::Conv::set_groups})
    (c.*set)(1);
  return c;
}

/// conv, ReLU by table, conv, ReLU by chunks, square, output: every message a plan can have.
plan::Plan network() {
  PlanBuilder b(32);
  uint32_t x = b.open(b.input({1, 2, 8, 8}));
  uint32_t y = b.relu(b.open(b.linear(x, conv(2, 8), true)), 8, 12, 19, plan::SignWindow::TABLE);
  uint32_t z = b.open(b.linear(b.open(y), conv(8, 8), true));
  uint32_t r = b.relu(z, 8, 8, 24, plan::SignWindow::ONE_HOT);
  uint32_t q = b.step({b.open(r)}, {1, 8, 8, 8}, PlanBuilder::shared);
  b.latest().mutable_square()->set_shift(4);
  b.output(q);
  return b.build();
}

/// What `observer` receives in `runs` inferences with these constants.
View observe(const ProgramRef &program, Party observer, const SecretSeed &own, int64_t inputValue,
             int64_t weightValue, int runs) {
  const plan::Plan &plan = program->plan();
  std::vector<Values> weights;
  for (const plan::WeightTensor &tensor : plan.weights())
    weights.emplace_back(tensor.elements(), weightValue);
  View view;
  for (int run = 0; run < runs; ++run) {
    std::array<SecretSeed, 2> seeds = {SecretSeed::random(), SecretSeed::random()};
    seeds[index(observer)] = own.clone();
    MaskedWeights masked =
        maskWeights(plan, clearWeights(plan, weights), seeds[0], seeds[1], plan::randomId());
    Dealer dealer(program, seeds[0], seeds[1], masked.modelId);
    PartyExecutor party0(program, masked, seeds[0], Party::Zero),
        party1(program, masked, seeds[1], Party::One);
    const SecretSeed common = SecretSeed::random();
    SecretVector<uint8_t> record0(party0.recordBytes()), record1(party1.recordBytes());
    dealer.deal(masked.modelId, static_cast<uint64_t>(run), record0, record1);
    // The worst client: server 0 gets zeros as its share, server 1 the value itself.
    ClearWords words = wordsOf(Ring{32}, Values(128, inputValue));
    std::vector<SecretVector<uint8_t>> in0(1, SecretVector<uint8_t>(512, uint8_t(0))), in1 = in0;
    bestKernels().ring<uint32_t>().pack(32, reinterpret_cast<const uint32_t *>(words.data()), 128,
                                        in1[0].data());
    auto ends = makeInMemoryChannel();
    ReceivingChannel channel0(std::move(ends.first)), channel1(std::move(ends.second));
    Prepared p0 =
        prepareOne(party0, masked.modelId, static_cast<uint64_t>(run), std::move(record0));
    Prepared p1 =
        prepareOne(party1, masked.modelId, static_cast<uint64_t>(run), std::move(record1));
    auto other = std::async(std::launch::async,
                            [&] { return runOne(party1, std::move(p1), channel1, common, in1); });
    runOne(party0, std::move(p0), channel0, common, in0);
    other.get();
    const auto &received = observer == Party::Zero ? channel0.received : channel1.received;
    for (size_t exchange = 0; exchange < received.size(); ++exchange)
      for (size_t i = 0; i < received[exchange].size(); ++i)
        view[{exchange, i % 4}][received[exchange][i]] += 1;
  }
  return view;
}

double total(const Histogram &h) { return std::accumulate(h.begin(), h.end(), 0.0); }

/// Against uniform: 255 degrees of freedom, so mean 255 and deviation 22.6.
double chiSquare(const Histogram &h) {
  double expected = total(h) / 256, sum = 0;
  for (double count : h)
    sum += (count - expected) * (count - expected) / expected;
  return sum;
}

/// Two samples of equal size against each other, the same degrees of freedom.
double chiSquare(const Histogram &a, const Histogram &b) {
  double sum = 0;
  for (size_t value = 0; value < 256; ++value)
    if (a[value] + b[value] > 0)
      sum += (a[value] - b[value]) * (a[value] - b[value]) / (a[value] + b[value]);
  return sum;
}

constexpr double seldom = 255 + 8 * 22.6; // by chance less than once in 10^12

class NetworkSecrecyTest : public testing::TestWithParam<Party> {};

TEST_P(NetworkSecrecyTest, WhatAServerReceivesIsUniformAndIndependentOfInputAndWeights) {
  ProgramRef program = makeProgram(load(network()));
  const SecretSeed own = SecretSeed::random();
  constexpr int runs = 100;
  View zero = observe(program, GetParam(), own, 0, 0, runs),
       large = observe(program, GetParam(), own, 60, -50, runs);
  ASSERT_EQ(zero.size(), large.size());
  ASSERT_GE(zero.size(), 4 * 8u) << "a class for each exchange and byte position";
  for (const auto &[place, histogram] : zero) {
    SCOPED_TRACE(fmt::format("exchange {}, byte {} of a word", place.first, place.second));
    ASSERT_GT(total(histogram), 1000);
    EXPECT_LT(chiSquare(histogram), seldom);
    EXPECT_LT(chiSquare(large.at(place)), seldom);
    EXPECT_LT(chiSquare(histogram, large.at(place)), seldom);
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, NetworkSecrecyTest, testing::Values(Party::Zero, Party::One),
                         [](const auto &info) {
                           return fmt::format("Server{}", index(info.param));
                         });

TEST(NetworkSecrecyStatistics, AForgottenMaskIsFound) {
  Histogram constant = {}, skewed = {}, uniform = {};
  constant[7] = 5000;
  for (size_t i = 0; i < 256; ++i) {
    uniform[i] = 20;
    skewed[i] = i < 128 ? 30 : 10;
  }
  EXPECT_GT(chiSquare(constant), seldom);
  EXPECT_GT(chiSquare(skewed), seldom);
  EXPECT_GT(chiSquare(skewed, uniform), 255 - 8 * 22.6);
  EXPECT_LT(chiSquare(uniform), seldom);
}

} // namespace
} // namespace gfs
