// SPDX-License-Identifier: Apache-2.0
// A client with many requests: in one at a time, several together, several in flight.
#include "runtime/serve/InferAll.h"
#include "runtime/tensor/TensorFile.h"
#include "test/unit/serve/Deployment.h"

using namespace gfs;
using namespace gfs::testing;

namespace {

class InferAllTest : public ::testing::Test {
protected:
  static constexpr uint64_t inferences = 48;

  /// `inferences` inputs and what the model gives for them.
  serve::Workload workload() const {
    std::vector<float> x, y;
    for (int64_t i = 0; i < int64_t(inferences); ++i) {
      const std::vector<int64_t> words = {i, 3 * i, -i * i, 7};
      for (int64_t word : words)
        x.push_back(static_cast<float>(word) / 256);
      for (int64_t word : deployment.expected(words))
        y.push_back(static_cast<float>(word) / 65536);
    }
    const std::string input = (deployment.folder / "x.npy").string(),
                      expected = (deployment.folder / "y.npy").string();
    writeNpy(input, makeTensor<float>({inferences, 4}, x));
    writeNpy(expected, makeTensor<float>({inferences, 3}, y));
    return {deployment.loaded.plan, {.inputs = {input}, .batch = true, .expected = expected}};
  }
  serve::InferredAll inferAll(const RunningServer &zero, const RunningServer &one,
                              serve::Workload &workload, const serve::Pace &pace) {
    progress.clear();
    return serve::inferAll(deployment.loaded, clientOf(zero.address(), one.address()), workload,
                           pace,
                           {[&](uint64_t done, uint64_t) { progress.push_back(done); },
                            [&](const Error &error) { losses.push_back(error); }});
  }

  Deployment deployment{plan::WEIGHTS_SHARED, 3 * inferences};
  std::vector<uint64_t> progress;
  std::vector<Error> losses;
};

TEST_F(InferAllTest, GivesTheSameAnswersAtEveryPace) {
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  for (const serve::Pace &pace : {serve::Pace{1, 1}, serve::Pace{1, 8}, serve::Pace{5, 4}}) {
    serve::Workload all = workload();
    const serve::InferredAll inferred = inferAll(zero, one, all, pace);
    EXPECT_EQ(inferred.costs.size(), inferences);
    EXPECT_GT(inferred.seconds, 0);
    EXPECT_EQ(all.scores().maxDifference, 0.0);
    EXPECT_EQ(progress.size(), (inferences + pace.together - 1) / pace.together);
    EXPECT_TRUE(std::ranges::is_sorted(progress));
    EXPECT_EQ(progress.back(), inferences);
    uint32_t largest = 0;
    for (const serve::RequestCost &cost : inferred.costs)
      largest = std::max(largest, cost.servers[0].group());
    if (pace.inFlight == 1)
      EXPECT_EQ(largest, pace.together);
    else
      EXPECT_GT(largest, pace.together) << "requests in flight never shared a pass";
  }
}

TEST_F(InferAllTest, NeedsMaterialForAll) {
  deployment.deal(inferences - 1, true);
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  serve::Workload all = workload();
  try {
    inferAll(zero, one, all, {1, 4});
    FAIL() << "there is too little material";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::MaterialExhausted);
  }
  EXPECT_EQ(zero.engine.cursor(), 0u) << "none of it was used";
}

TEST_F(InferAllTest, SaysWhenServersAreFull) {
  serve::ServerOptions few = quick();
  few.maxClients = 1;
  RunningServer zero(deployment, Party::Zero, few);
  few.peer = zero.address();
  RunningServer one(deployment, Party::One, few);
  serve::Workload all = workload();
  try {
    inferAll(zero, one, all, {1, 16});
    FAIL() << "there is room for 16 clients";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Network);
    EXPECT_NE(std::string(error.what()).find("16 requests in flight"), std::string::npos);
    EXPECT_NE(std::string(error.hint()).find("--in-flight"), std::string::npos);
  }
  EXPECT_EQ(zero.engine.cursor(), 0u);
}

TEST_F(InferAllTest, EndsWhenAServerDoes) {
  serve::ServerOptions few = quick();
  few.requests = 9;
  RunningServer zero(deployment, Party::Zero, few);
  few.peer = zero.address();
  RunningServer one(deployment, Party::One, few);
  serve::Workload all = workload();
  EXPECT_THROW(inferAll(zero, one, all, {1, 4}), Error);
  EXPECT_LT(progress.size(), inferences);
  EXPECT_EQ(all.answered(), progress.empty() ? 0 : progress.back()) << "what was done is told";
  EXPECT_TRUE(losses.empty());
}

TEST_F(InferAllTest, OutlivesServersThatRestart) {
  // Both stop after nine requests and come back at the same addresses.
  serve::ServerOptions few = quick();
  few.requests = 9;
  auto zero = std::make_unique<RunningServer>(deployment, Party::Zero, few);
  few.peer = zero->address();
  auto one = std::make_unique<RunningServer>(deployment, Party::One, few);
  serve::ServerOptions again = quick();
  again.listen = *few.peer;
  serve::ServerOptions againOne = quick(*few.peer);
  againOne.listen = one->address();
  std::jthread keeper([&] {
    zero->join();
    one->join();
    one = nullptr;
    zero = nullptr;
    zero = std::make_unique<RunningServer>(deployment, Party::Zero, again);
    one = std::make_unique<RunningServer>(deployment, Party::One, againOne);
  });
  serve::Workload all = workload();
  serve::inferAll(deployment.loaded, clientOf(*few.peer, againOne.listen), all,
                  {1, 4, std::chrono::seconds(60)},
                  {[&](uint64_t done, uint64_t) { progress.push_back(done); },
                   [&](const Error &error) { losses.push_back(error); }});
  keeper.join();
  EXPECT_EQ(all.answered(), inferences);
  EXPECT_EQ(all.scores().maxDifference, 0.0);
  EXPECT_FALSE(losses.empty());
  EXPECT_LT(losses.size(), 5u) << "a loss is told once, not at every attempt";
  EXPECT_EQ(losses.front().code(), ExitCode::Network);
}

TEST_F(InferAllTest, StopsWhenAsked) {
  RunningServer zero(deployment, Party::Zero, quick());
  RunningServer one(deployment, Party::One, quick(zero.address()));
  serve::Workload all = workload();
  std::stop_source stop;
  serve::ClientOptions client = clientOf(zero.address(), one.address());
  client.stop = stop.get_token();
  try {
    serve::inferAll(deployment.loaded, client, all, {1, 1, std::chrono::seconds(60)},
                    {[&](uint64_t done, uint64_t) { done == 5 && stop.request_stop(); }, {}});
    FAIL() << "it went on";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Failure);
    EXPECT_STREQ(error.what(), "interrupted");
  }
  EXPECT_EQ(all.answered(), 5u);
}

} // namespace
