// SPDX-License-Identifier: Apache-2.0
// What leaves a server is uniform, for the most telling inputs there are: constants. A statistical
// test proves nothing about secrecy, but it finds a forgotten mask, a mask used twice and a biased
// one.
#include "test/unit/exec/RecordingChannel.h"
#include "test/unit/gates/GateTest.h"
#include "test/unit/plan/PlanRefusal.h"

#include <cstring>
#include <future>
#include <set>

namespace gfs {
namespace {

/// Chi-square of bytes against uniform; 255 degrees of freedom, so mean 255 and deviation 22.6.
double chiSquare(const std::vector<uint8_t> &bytes) {
  std::array<double, 256> counts = {};
  for (uint8_t byte : bytes)
    counts[byte] += 1;
  double expected = static_cast<double>(bytes.size()) / 256, sum = 0;
  for (double count : counts)
    sum += (count - expected) * (count - expected) / expected;
  return sum;
}
constexpr double seldom = 255 + 8 * 22.6; // passed by chance less than once in 10^12 runs

/// All messages of many runs of one plan on one constant input.
struct Transcript {
  std::array<std::vector<uint8_t>, 2> sent;
  std::array<std::vector<uint8_t>, 2> outputShares;

  Transcript(const plan::Plan &plan, const std::vector<Values> &weights, int64_t constant,
             int runs) {
    ProgramRef program = makeProgram(load(plan));
    const SecretSeed seed0 = SecretSeed::random(), seed1 = SecretSeed::random(),
                     common = SecretSeed::random();
    MaskedWeights masked =
        maskWeights(plan, clearWeights(plan, weights), seed0, seed1, plan::randomId());
    Dealer dealer(program, seed0, seed1, masked.modelId, &masked);
    PartyExecutor party0(program, masked, seed0, Party::Zero),
        party1(program, masked, seed1, Party::One);
    const plan::Id16 materialId = plan::randomId();
    for (uint64_t serial = 0; serial < static_cast<uint64_t>(runs); ++serial) {
      SecretVector<uint8_t> record0(party0.recordBytes()), record1(party1.recordBytes());
      dealer.deal(materialId, serial, record0, record1);
      // The worst client: it gives server 0 zeros and server 1 the value itself. The masks alone
      // must hide it.
      std::vector<SecretVector<uint8_t>> in0, in1;
      for (const plan::Port &port : plan.inputs()) {
        size_t count = plan::elements(plan.values(static_cast<int>(port.value())));
        in0.emplace_back(packedBytes(count, plan.ring_bits()), uint8_t(0));
        in1.emplace_back(in0.back().size());
        ClearWords words = wordsOf(Ring{plan.ring_bits()}, Values(count, constant));
        visitWord(Ring{plan.ring_bits()}, [&]<class Word>() {
          bestKernels().ring<Word>().pack(plan.ring_bits(),
                                          reinterpret_cast<const Word *>(words.data()), count,
                                          in1.back().data());
        });
      }
      auto ends = makeInMemoryChannel();
      RecordingChannel channel0(std::move(ends.first)), channel1(std::move(ends.second));
      Prepared p0 = prepareOne(party0, materialId, serial, std::move(record0));
      Prepared p1 = prepareOne(party1, materialId, serial, std::move(record1));
      auto other = std::async(std::launch::async,
                              [&] { return runOne(party1, std::move(p1), channel1, common, in1); });
      RunResult result0 = runOne(party0, std::move(p0), channel0, common, in0),
                result1 = other.get();
      append(sent[0], channel0.sent);
      append(sent[1], channel1.sent);
      append(outputShares[0], result0.outputs[0]);
      append(outputShares[1], result1.outputs[0]);
    }
  }

  template <class Bytes> static void append(std::vector<uint8_t> &to, const Bytes &from) {
    to.insert(to.end(), from.begin(), from.end());
  }
  /// Bitwise sum of what both sent: for comparison bits, what was opened.
  std::vector<uint8_t> openedBits() const {
    std::vector<uint8_t> sum = sent[0];
    for (size_t i = 0; i < sum.size(); ++i)
      sum[i] ^= sent[1][i];
    return sum;
  }
};

TEST(SecrecyTest, OpenedWordsAndOutputsAreUniform) {
  PlanBuilder b(32);
  uint32_t x = b.open(b.input({512}));
  b.output(b.step({x}, {512}, PlanBuilder::shared));
  b.plan.mutable_steps(2)->mutable_unmask();
  Transcript t(b.build(), {}, 5, 100);
  EXPECT_LT(chiSquare(t.sent[0]), seldom);
  EXPECT_LT(chiSquare(t.sent[1]), seldom);
  EXPECT_LT(chiSquare(t.outputShares[0]), seldom);
  EXPECT_LT(chiSquare(t.outputShares[1]), seldom);
  std::vector<uint8_t> opened; // x + r, added word by word
  for (size_t i = 0; i < t.sent[0].size(); i += 4) {
    uint32_t a, c;
    std::memcpy(&a, &t.sent[0][i], 4);
    std::memcpy(&c, &t.sent[1][i], 4);
    a += c;
    for (int byte = 0; byte < 4; ++byte)
      opened.push_back(static_cast<uint8_t>(a >> (8 * byte)));
  }
  EXPECT_LT(chiSquare(opened), seldom);
}

TEST(SecrecyTest, OpenedWordsWithoutLowBitsAreUniform) {
  // 16 of 32 bits, so that what is opened are the words' sums again.
  PlanBuilder b(32);
  uint32_t x = b.open(b.input({1024}), 16);
  b.output(b.step({x}, {1024}, PlanBuilder::shared));
  b.plan.mutable_steps(2)->mutable_truncate()->set_shift(17);
  for (int64_t constant : {0, -1, 65535, 65536}) {
    Transcript t(b.build(), {}, constant, 100);
    std::vector<uint8_t> opened;
    for (size_t i = 0; i < t.sent[0].size(); i += 2) {
      uint16_t a, c;
      std::memcpy(&a, &t.sent[0][i], 2);
      std::memcpy(&c, &t.sent[1][i], 2);
      a = static_cast<uint16_t>(a + c);
      opened.push_back(static_cast<uint8_t>(a));
      opened.push_back(static_cast<uint8_t>(a >> 8));
    }
    for (const auto &bytes : {t.sent[0], t.sent[1], opened})
      EXPECT_LT(chiSquare(bytes), seldom);
  }
}

TEST(SecrecyTest, OutputsAreSharedAfresh) {
  // Without a step between, what the client gets back would be the shares it sent: zeros from
  // server 0.
  PlanBuilder b(32);
  b.output(b.input({512}));
  Transcript t(b.build(), {}, 5, 100);
  EXPECT_LT(chiSquare(t.outputShares[0]), seldom);
  EXPECT_LT(chiSquare(t.outputShares[1]), seldom);
}

TEST(SecrecyTest, OpenedComparisonBitsAreUniform) {
  // The first 4096 bytes of each run are the opened words, all others comparison bits, at every
  // level.
  for (auto [low, high, protocol] : {std::tuple(4u, 11u, plan::SignWindow::TABLE),
                                     {4u, 11u, plan::SignWindow::ONE_HOT},
                                     {0u, 30u, plan::SignWindow::ONE_HOT}})
    for (int64_t constant : {-1000, 0, 1000}) {
      PlanBuilder b(32);
      b.output(b.relu(b.open(b.input({1024})), 4, low, high, protocol));
      Transcript t(b.build(), {}, constant, 60);
      std::vector<uint8_t> bits, all = t.openedBits();
      const size_t run = all.size() / 60;
      for (size_t i = 0; i < all.size(); ++i)
        if (i % run >= 4096)
          bits.push_back(all[i]);
      EXPECT_LT(chiSquare(bits), seldom);
      for (const auto &sent : t.sent)
        EXPECT_LT(chiSquare(sent), seldom);
    }
}

TEST(SecrecyTest, ThresholdsOnOneValueAreHiddenIndependently) {
  // Two thresholds with equal outcome: their opened bits must not agree more often than not.
  PlanBuilder b(32);
  uint32_t z = b.open(b.input({1024})), y = b.step({z}, {1024}, PlanBuilder::shared);
  plan::Spline &spline = *b.latest().mutable_spline();
  PlanBuilder::setWindow(*spline.mutable_window(), 4, 11, plan::SignWindow::TABLE);
  spline.add_thresholds(100);
  spline.add_thresholds(200);
  for (int piece = 0; piece < 3; ++piece)
    spline.add_pieces()->set_c0(piece);
  b.output(y);
  Transcript t(b.build(), {}, 1000, 60);
  std::vector<uint8_t> all = t.openedBits(), agreement;
  const size_t run = all.size() / 60;
  ASSERT_EQ(run, 4096 + 2 * 128u);
  for (size_t start = 0; start < all.size(); start += run)
    for (size_t i = 0; i < 128; ++i)
      agreement.push_back(all[start + 4096 + i] ^ all[start + 4096 + 128 + i]);
  EXPECT_LT(chiSquare(agreement), seldom);
}

TEST(SecrecyTest, DealtRecordsAreUniform) {
  PlanBuilder b(32);
  uint32_t z = b.open(b.input({256}));
  b.output(b.relu(z, 8, 4, 11, plan::SignWindow::TABLE));
  b.output(b.relu(z, 8, 0, 30, plan::SignWindow::ONE_HOT));
  uint32_t square = b.step({z}, {256}, PlanBuilder::shared);
  b.latest().mutable_square()->set_shift(8);
  b.output(square);
  ProgramRef program = makeProgram(load(b.build()));
  Dealer dealer(program, SecretSeed::random(), SecretSeed::random(), plan::randomId());
  std::array<std::vector<uint8_t>, 2> bytes;
  for (uint64_t serial = 0; serial < 50; ++serial) {
    SecretVector<uint8_t> record0(program->recordBytes(Party::Zero)),
        record1(program->recordBytes(Party::One));
    dealer.deal(plan::Id16{}, serial, record0, record1);
    Transcript::append(bytes[0], record0);
    Transcript::append(bytes[1], record1);
  }
  for (const auto &record : bytes)
    EXPECT_LT(chiSquare(record), seldom);
}

TEST(SecrecyTest, NoTwoRequestsShareAStream) {
  const SecretSeed seed = SecretSeed::random();
  RequestId base;
  std::vector<RequestId> requests(5, base);
  requests[1].planHash[31] = 1;
  requests[2].modelId[0] = 1;
  requests[3].materialId[15] = 1;
  requests[4].serial = 1;
  std::set<std::vector<uint8_t>> seen;
  for (const RequestId &request : requests)
    for (const AesKey &key : {requestKey(seed, request), commonKey(seed, request)}) {
      std::vector<uint8_t> bytes(32);
      Prg(key, 0).fill(bytes);
      seen.insert(bytes);
    }
  EXPECT_EQ(seen.size(), 10u);
}

} // namespace
} // namespace gfs
