// SPDX-License-Identifier: Apache-2.0
// Tensor files against a plan: what fits, what is refused, and how answers are scored.
#include "runtime/serve/Local.h"
#include "runtime/tensor/TensorFile.h"
#include "test/unit/serve/Deployment.h"

using namespace gfs;
using namespace gfs::testing;
using serve::Workload;
using serve::WorkloadOptions;

namespace {

class WorkloadTest : public ::testing::Test {
protected:
  std::string write(const std::string &name, std::vector<uint64_t> shape,
                    const std::vector<float> &values) const {
    std::string path = (deployment.folder / name).string();
    writeNpy(path, makeTensor<float>(std::move(shape), values));
    return path;
  }
  std::string writeLabels(const std::vector<int64_t> &values) const {
    std::string path = (deployment.folder / "labels.npy").string();
    writeNpy(path, makeTensor<int64_t>({values.size()}, values));
    return path;
  }
  Workload workload(WorkloadOptions options) const {
    return Workload(deployment.loaded.plan, std::move(options));
  }
  static std::optional<Error> errorOf(const std::function<void()> &body) {
    try {
      body();
    } catch (const Error &error) {
      return error;
    }
    return std::nullopt;
  }
  /// Outputs at scale 16, as the servers' shares join to them.
  static std::vector<ClearWords> outputs(const std::vector<float> &values) {
    std::vector<ClearWords> words;
    words.push_back(encodeFixed(Ring{32}, 16, values));
    return words;
  }

  Deployment deployment;
};

} // namespace

TEST_F(WorkloadTest, EncodesOneInput) {
  for (std::vector<uint64_t> shape : {std::vector<uint64_t>{1, 4}, {4}, {1, 4, 1}}) {
    Workload one = workload({.inputs = {write("x.npy", shape, {1, -0.5f, 0, 2})}});
    EXPECT_EQ(one.requests(), 1u);
    EXPECT_EQ(signedOf(Ring{32}, one.inputs(0)[0]), (std::vector<int64_t>{256, -128, 0, 512}));
  }
  EXPECT_EQ(workload({.inputs = {"x=" + write("x.npy", {1, 4}, {1, 2, 3, 4})}}).requests(), 1u);
}

TEST_F(WorkloadTest, WarnsOfInputsBeyondTheCalibration) {
  const std::string far = write("far.npy", {2, 4}, {1, -4.5f, 0, 2, 9, 0, 0, 0}),
                    near = write("near.npy", {1, 4}, {4, -4, 0, 1});
  EXPECT_EQ(workload({.inputs = {far}, .batch = true}).beyondCalibration(), "") << "not known";
  deployment.loaded.plan.mutable_inputs(0)->set_seen(2);
  EXPECT_EQ(workload({.inputs = {near}}).beyondCalibration(), "");
  const std::string text = workload({.inputs = {far}, .batch = true}).beyondCalibration();
  EXPECT_NE(text.find("input \"x\": 2 of 8 values"), std::string::npos) << text;
  EXPECT_NE(text.find("up to 9, the calibration samples reach 2"), std::string::npos) << text;
  EXPECT_NE(
      workload({.inputs = {far}, .batch = true, .limit = 1}).beyondCalibration().find("1 of 4"),
      std::string::npos);
}

TEST_F(WorkloadTest, SplitsABatch) {
  std::string three = write("x.npy", {3, 4}, {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
  Workload batch = workload({.inputs = {three}, .batch = true});
  EXPECT_EQ(batch.requests(), 3u);
  EXPECT_EQ(signedOf(Ring{32}, batch.inputs(2)[0]), (std::vector<int64_t>{512, 512, 512, 512}));
  EXPECT_EQ(workload({.inputs = {three}, .batch = true, .limit = 2}).requests(), 2u);
  std::optional<Error> error = errorOf([&] { workload({.inputs = {three}}); });
  expectError(error, ExitCode::InvalidInput, "the tensor has shape [3, 4], the plan takes [1, 4]");
  EXPECT_NE(error->hint().find("--batch"), std::string::npos);
}

TEST_F(WorkloadTest, SplitsAnAxisBeforeThePortsAxes) {
  // As samples for calibration may lie, also where the port's first axis is no batch.
  Workload batch =
      workload({.inputs = {write("x.npy", {2, 1, 4}, {0, 0, 0, 0, 1, 1, 1, 1})}, .batch = true});
  EXPECT_EQ(batch.requests(), 2u);
  plan::Value *x = deployment.loaded.plan.mutable_values(
      static_cast<int>(deployment.loaded.plan.inputs(0).value()));
  x->set_shape(0, 2);
  x->set_shape(1, 2);
  const std::string three = write("three.npy", {3, 2, 2}, {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
  Workload square = workload({.inputs = {three}, .batch = true});
  EXPECT_EQ(square.requests(), 3u);
  EXPECT_EQ(signedOf(Ring{32}, square.inputs(2)[0]), (std::vector<int64_t>{512, 512, 512, 512}));
  EXPECT_EQ(workload({.inputs = {write("x.npy", {4, 2}, {0, 0, 0, 0, 1, 1, 1, 1})}, .batch = true})
                .requests(),
            2u);
  expectError(errorOf([&] { workload({.inputs = {three}}); }), ExitCode::InvalidInput,
              "the tensor has shape [3, 2, 2], the plan takes [2, 2]");
}

TEST_F(WorkloadTest, GroupsGoRoundTheRequests) {
  const std::string two = write("x.npy", {2, 4}, {0, 0, 0, 0, 1, 1, 1, 1});
  Workload batch = workload({.inputs = {two}, .batch = true});
  const std::vector<std::vector<ClearWords>> group = batch.groupFrom(3, 3);
  ASSERT_EQ(group.size(), 3u);
  for (size_t i = 0; i < group.size(); ++i)
    EXPECT_EQ(signedOf(Ring{32}, group[i].at(0))[0], i == 1 ? 0 : 256) << i;
  EXPECT_TRUE(batch.groupFrom(3, 0).empty());
  batch.setOutputs(3, outputs({0, 0, 1}));
  EXPECT_EQ(batch.topText(1), "y[0]: class 0 (nan)\ny[1]: class 2 (1)\n");
}

TEST_F(WorkloadTest, RefusesWhatDoesNotFit) {
  expectError(errorOf([&] { workload({.inputs = {write("x.npy", {1, 5}, {1, 2, 3, 4, 5})}}); }),
              ExitCode::InvalidInput, "the tensor has shape [1, 5]");
  expectError(errorOf([&] { workload({.inputs = {write("x.npy", {0, 4}, {})}, .batch = true}); }),
              ExitCode::InvalidInput, "the tensor has shape [0, 4]");
  expectError(errorOf([&] { workload({.inputs = {}}); }), ExitCode::Usage,
              "input \"x\" is missing");
  expectError(errorOf([&] { workload({.inputs = {(deployment.folder / "none.npy").string()}}); }),
              ExitCode::InputUnreadable, "none.npy");
  std::string path = write("x.npy", {1, 4}, {1, 2, 3, 4});
  expectError(errorOf([&] { workload({.inputs = {path, path}}); }), ExitCode::Usage,
              "is given twice");
  // Before the first request, not at the one that it is in.
  path = write("x.npy", {2, 4}, {1, 2, 3, 4, 5, 1e30f, 0, 0});
  expectError(errorOf([&] { workload({.inputs = {path}, .batch = true}); }), ExitCode::RangeCheck,
              "request 1 of 2: input element 1: is not finite or does not fit");
}

TEST_F(WorkloadTest, LooksAtItsOutputFirst) {
  std::string x = write("x.npy", {1, 4}, {1, 2, 3, 4});
  for (const std::string &spec : {x, "x=" + x})
    expectError(errorOf([&] { workload({.inputs = {spec}, .output = x}); }), ExitCode::Usage,
                "would replace a file that this command reads");
  expectError(
      errorOf([&] { workload({.inputs = {x}, .output = deployment.folder / "none" / "y.npy"}); }),
      ExitCode::OutputUnwritable, "there is no such folder");
}

TEST_F(WorkloadTest, RefusesOutputsOfAnotherNetwork) {
  std::string x = write("x.npy", {1, 4}, {1, 2, 3, 4});
  expectError(errorOf([&] {
                workload(
                    {.inputs = {x}, .expected = write("y.npy", {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})});
              }),
              ExitCode::InvalidInput, "y.npy: has shape [2, 4], the plan's output");
}

TEST_F(WorkloadTest, ScoresAgainstLabelsAndExpectedOutputs) {
  std::string x = write("x.npy", {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  WorkloadOptions options{.inputs = {x}, .batch = true};
  options.labels = writeLabels({2, 0});
  options.expected = write("expected.npy", {2, 3}, {0, 0, 1, 0, 5, 0});
  options.minAccuracy = 0.5;
  options.minAgreement = 0.9;
  Workload batch = workload(options);
  batch.setOutputs(0, outputs({0, 0, 1.25f}));
  batch.setOutputs(1, outputs({0, 0, 4}));
  serve::Scores scores = batch.scores();
  EXPECT_EQ(scores.rows, 2u);
  EXPECT_EQ(scores.accuracy, 0.5);
  EXPECT_EQ(scores.agreement, 0.5);
  EXPECT_EQ(scores.maxDifference, 5.0);
  expectError(errorOf([&] { batch.checkScores(scores); }), ExitCode::VerifyMismatch,
              "agreement 0.5000 is below");
  EXPECT_EQ(batch.topText(2),
            "y[0]: class 2 (1.25), class 0 (0)\ny[1]: class 2 (4), class 0 (0)\n");
}

TEST_F(WorkloadTest, RefusesLabelsThatAreNoClassNumbersOfTheseInputs) {
  WorkloadOptions options{.inputs = {write("x.npy", {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})},
                          .batch = true};
  auto refused = [&](const std::string &labels, const std::string &reason) {
    options.labels = labels;
    expectError(errorOf([&] { workload(options); }), ExitCode::InvalidInput, reason);
  };
  refused(writeLabels({2}), "labels.npy: holds 1 values, 2 are needed");
  refused(writeLabels({2, 3}), "labels.npy: label 1 is 3, the plan has classes 0 to 2");
  refused(writeLabels({-1, 2}), "labels.npy: label 0 is -1");
  refused(write("hot.npy", {2, 3}, {0, 0, 1, 1, 0, 0}),
          "hot.npy: has shape [2, 3], expects one class number for each input, got 3 values "
          "(one-hot?)");
  refused(write("pairs.npy", {2, 2}, {0, 1, 1, 0}), "pairs.npy: has shape [2, 2], expects one");
  refused(write("half.npy", {2}, {0, 0.5f}), "half.npy: array \"\": element 1 is not a whole");
  options.limit = 1; // the labels of the others may stay
  options.labels = writeLabels({2, 0});
  EXPECT_FALSE(errorOf([&] { workload(options); }));
}

TEST_F(WorkloadTest, RefusesTooFewExpectedOutputs) {
  const std::string x = write("x.npy", {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  expectError(errorOf([&] {
                workload(
                    {.inputs = {x}, .batch = true, .expected = write("y.npy", {1, 3}, {0, 0, 1})});
              }),
              ExitCode::InvalidInput, "y.npy: holds 3 values, 6 are needed");
}

TEST_F(WorkloadTest, SaysThatABatchIsEmpty) {
  expectError(
      errorOf([&] { workload({.inputs = {write("none.npy", {0, 4}, {})}, .batch = true}); }),
      ExitCode::InvalidInput, "holds no inputs");
}

TEST_F(WorkloadTest, RunsLocallyAndWritesOutputs) {
  WorkloadOptions options{.inputs = {write("x.npy", {2, 4}, {1, 2, 3, 4, 0, 0, 0, 1})},
                          .batch = true};
  options.output = deployment.folder / "y.npy";
  Workload batch = workload(options);
  ModelPaths beside = ModelPaths::beside(deployment.planPath);
  serve::LocalReport report = serve::runLocally(deployment.loaded, beside.weights, beside.dealerKey,
                                                batch, {.repeat = 3, .warmUp = 1});
  batch.writeOutputs();
  EXPECT_EQ(report.costs.size(), 6u);
  EXPECT_EQ(report.costs[0].servers[0].exchanges(), 1u);
  EXPECT_GT(report.loadSeconds, 0);
  EXPECT_EQ(report.profile[1].bytes, 16u);
  EXPECT_EQ(report.profile[2].dealtBytes, 12u);
  Tensor written = readTensor(options.output.string());
  EXPECT_EQ(written.shape, (std::vector<uint64_t>{2, 3}));
  std::vector<float> expected;
  for (const auto &x : {std::vector<int64_t>{256, 512, 768, 1024}, {0, 0, 0, 256}})
    for (int64_t y : deployment.expected(x))
      expected.push_back(static_cast<float>(y) / 65536);
  EXPECT_EQ(written.toFloat(), expected);
}

TEST_F(WorkloadTest, RunsSeveralInOnePass) {
  WorkloadOptions options{.inputs = {write("x.npy", {2, 4}, {1, 2, 3, 4, 0, 0, 0, 1})},
                          .batch = true};
  options.output = deployment.folder / "y.npy";
  Workload batch = workload(options);
  ModelPaths beside = ModelPaths::beside(deployment.planPath);
  serve::LocalReport report =
      serve::runLocally(deployment.loaded, beside.weights, beside.dealerKey, batch,
                        {.repeat = 5, .warmUp = 1, .together = 4}); // passes of 4, 4 and 2
  batch.writeOutputs();
  ASSERT_EQ(report.costs.size(), 10u);
  for (const serve::RequestCost &cost : report.costs) {
    EXPECT_EQ(cost.servers[0].exchanges(), 1u) << "of the pass";
    EXPECT_EQ(cost.servers[0].payload_sent(), 16u) << "of the inference";
  }
  EXPECT_EQ(report.costs[0].totalMs, report.costs[3].totalMs);
  EXPECT_NE(report.costs[3].totalMs, report.costs[4].totalMs);
  std::vector<float> expected;
  for (const auto &x : {std::vector<int64_t>{256, 512, 768, 1024}, {0, 0, 0, 256}})
    for (int64_t y : deployment.expected(x))
      expected.push_back(static_cast<float>(y) / 65536);
  EXPECT_EQ(readTensor(options.output.string()).toFloat(), expected);
}

TEST_F(WorkloadTest, ProfilesWaitingAtTheStepThatSends) {
  Workload single = workload({.inputs = {write("x.npy", {1, 4}, {1, 2, 3, 4})}});
  ModelPaths beside = ModelPaths::beside(deployment.planPath);
  serve::LocalOptions options;
  options.throttle = parseNetworkProfile("rtt=200,bw=1000", "test");
  serve::LocalReport report =
      serve::runLocally(deployment.loaded, beside.weights, beside.dealerKey, single, options);
  ASSERT_EQ(report.profile.size(), 4u);
  for (const serve::StepProfile &step : report.profile)
    if (step.gate == "Open")
      EXPECT_GE(step.waitMs, 50) << "half a round trip is 100 ms, the other server may come late";
    else
      EXPECT_EQ(step.waitMs, 0) << step.name;
  EXPECT_GE(report.costs.at(0).servers[0].online_ms(), report.profile[1].waitMs);
}
