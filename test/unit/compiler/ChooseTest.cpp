// SPDX-License-Identifier: Apache-2.0
// Fits, re-fits, derivatives and the choice itself against closed forms and differences.
#include "compiler/choose/Choose.h"
#include "compiler/choose/Augment.h"
#include "compiler/choose/Derivatives.h"
#include "compiler/choose/Judge.h"
#include "compiler/choose/LeastSquares.h"
#include "compiler/choose/Polynomials.h"
#include "compiler/choose/Sensitivity.h"
#include "runtime/base/Error.h"
#include "runtime/crypto/Prg.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace gfs;
using namespace mlir;
using testing::AllOf;
using testing::HasSubstr;

namespace {

/// Numbers between -2 and 2, the same in every run.
std::vector<float> numbers(size_t count, uint64_t stream) {
  static constexpr uint8_t bytes[16] = {'t', 'e', 's', 't'};
  AesKey key{std::span<const uint8_t, 16>(bytes)};
  std::vector<uint32_t> words(count);
  Prg(key, stream).fillWords(std::span(words));
  std::vector<float> values;
  for (uint32_t word : words)
    values.push_back(static_cast<float>(word >> 8) * 0x1p-22f - 2);
  return values;
}

class ChooseTest : public testing::Test {
protected:
  ChooseTest() { context.loadDialect<func::FuncDialect, nn::NnDialect>(); }

  func::FuncOp parse(const std::string &body) {
    module = parseSourceString<ModuleOp>(body, &context);
    return *module->getOps<func::FuncOp>().begin();
  }

  /// Two layers of four channels; the first ReLU sees values of both signs.
  func::FuncOp network() {
    return parse(R"mlir(
      func.func @main(%x: tensor<1x4xf32>) -> tensor<1x3xf32> {
        %w = nn.constant dense<[[1.0, -0.5, 0.25, 0.0], [0.5, 1.0, -1.0, 0.5],
                                [-1.0, 0.5, 0.75, -0.25], [0.25, 0.25, 0.5, 1.0]]> : tensor<4x4xf32>
        %b = nn.constant dense<[0.1, -0.2, 0.3, 0.0]> : tensor<4xf32>
        %v = nn.constant dense<[[1.0, -1.0, 0.5, 0.25], [-0.5, 1.0, 0.25, -1.0],
                                [0.5, 0.5, -1.0, 1.0]]> : tensor<3x4xf32>
        %z = nn.linear %x, %w bias %b
            : (tensor<1x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
        %y = nn.relu %z : tensor<1x4xf32> loc("act")
        %r = nn.linear %y, %v : (tensor<1x4xf32>, tensor<3x4xf32>) -> tensor<1x3xf32>
        return %r : tensor<1x3xf32>
      })mlir");
  }

  static SampleBatch samples(size_t count, size_t size = 4) {
    return {count, {numbers(count * size, 1)}};
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(ChooseTest, PolynomialOfAParabolaIsTheParabola) {
  // Also far from zero, where powers of z alone would lose all digits. Stretched samples follow the
  // ReLU, so the parabola must be one that the ReLU is: z itself.
  std::vector<float> z = numbers(500, 2), y;
  for (float &value : z) {
    value += 1000;
    y.push_back(value);
  }
  PolynomialFit fit;
  fit.observe(z);
  fit.add(z, y);
  Polynomial p = fit.solve(2);
  for (float value : {998.0f, 1000.0f, 1003.0f})
    EXPECT_NEAR(p(value), value, 0.01);
}

TEST_F(ChooseTest, PolynomialMinimisesTheSquaredError) {
  std::vector<float> z = numbers(4000, 3), y;
  for (float value : z)
    y.push_back(std::max(value, 0.0f));
  PolynomialFit fit;
  fit.observe(z);
  fit.add(z, y);
  // Of uniform z on [-2, 2], relu is nearest to 15/64 z^2 + z/2 + 3/16; stretched samples pull a
  // little.
  Polynomial p = fit.solve(2);
  EXPECT_NEAR(p.a, 15.0 / 64, 0.03);
  EXPECT_NEAR(p.b, 0.5, 0.03);
  EXPECT_NEAR(p.c, 3.0 / 16, 0.08);
  EXPECT_EQ(fit.solve(1).a, 0);
  EXPECT_NEAR(fit.solve(1).b, 0.5, 0.03);
  EXPECT_EQ(fit.solve(0).b, 0);
}

// (z - v)^2 of such a one would be far larger than what it changes by.
TEST_F(ChooseTest, NearlyStraightQuadraticsAreLines) {
  auto fitted = [](float bend) {
    std::vector<float> z, y;
    for (int i = -50; i <= 50; ++i) {
      float t = static_cast<float>(i) / 25;
      z.push_back(10 + t);
      y.push_back(10 + t + bend * t * t);
    }
    PolynomialFit fit;
    fit.observe(z);
    fit.add(z, y);
    return fit.solve(2);
  };
  EXPECT_EQ(fitted(0.01f).a, 0);
  EXPECT_NEAR(fitted(0.01f).b, 1, 0.05);
  EXPECT_GT(fitted(0.3f).a, 0.2);
}

TEST_F(ChooseTest, PolynomialOfAConstantChannelIsFinite) {
  std::vector<float> z(100, 0.5f);
  PolynomialFit fit;
  fit.observe(z);
  fit.add(z, z);
  EXPECT_NEAR(fit.solve(2)(0.5), 0.5, 1e-3);
  EXPECT_TRUE(std::isfinite(fit.solve(2).a));
}

TEST_F(ChooseTest, RidgeRegressionFindsTheWeightsThatMadeTheRows) {
  const size_t rows = 3000, features = 5, targets = 2;
  std::vector<float> u = numbers(rows * features, 4), weights = numbers(features * targets, 5),
                     residual(rows * targets);
  multiply(rows, targets, features, u.data(), weights.data(), residual.data());
  RidgeRegression regression(features, targets);
  regression.add(rows / 2, u.data(), residual.data());
  regression.add(rows / 2, u.data() + rows / 2 * features, residual.data() + rows / 2 * targets);
  std::vector<float> found = regression.solve(0);
  // Ridge of features / rows remains: a relative pull of 1/600 to zero.
  for (size_t f = 0; f < features; ++f)
    for (size_t t = 0; t < targets; ++t)
      EXPECT_NEAR(found[t * features + f], weights[f * targets + t], 0.01);
}

TEST_F(ChooseTest, RidgeRegressionOfNothingIsNothing) {
  RidgeRegression regression(3, 1);
  std::vector<float> zeros(30, 0.0f), residual(10, 1.0f);
  regression.add(10, zeros.data(), residual.data());
  EXPECT_THAT(regression.solve(0.01), testing::Each(0.0f));
}

/// Derivatives of sum_i r_i result_i against differences, for the operation `line` on %x.
struct DerivativeCase {
  std::string name, type, line;
};
class DerivativeTest : public ChooseTest, public testing::WithParamInterface<DerivativeCase> {};

TEST_P(DerivativeTest, EqualsTheDifference) {
  // The operand is an identity's result, since derivatives end at inputs.
  func::FuncOp function =
      parse("func.func @main(%i: " + GetParam().type + ") -> " + GetParam().type +
            " {\n  %x = nn.reshape %i : " + GetParam().type + " -> " + GetParam().type + "\n  " +
            GetParam().line + "\n  return %i : " + GetParam().type + "\n}");
  ASSERT_TRUE(module);
  Operation &op = *std::prev(function.getBody().front().end(), 2);
  Value x = op.getOperand(0);
  size_t size = static_cast<size_t>(cast<RankedTensorType>(x.getType()).getNumElements());
  const size_t count = 2;
  std::vector<float> at = numbers(count * size, 7);
  BatchValues values(count);
  values.set(x, std::make_shared<Floats>(at.begin(), at.end()));
  Batch result = values.evaluate(op);
  values.set(op.getResult(0), result);
  std::vector<float> weights = numbers(result->size(), 8), gradient(at.size());
  addOperandGradients(op, {}, values, weights,
                      [&](Value) -> std::vector<float> & { return gradient; });
  for (size_t i = 0; i < at.size(); i += 3) {
    double sides[2];
    for (int side : {0, 1}) {
      std::vector<float> moved = at;
      moved[i] += side == 0 ? -0.01f : 0.01f;
      BatchValues probe(count);
      probe.set(x, std::make_shared<Floats>(moved.begin(), moved.end()));
      Batch there = probe.evaluate(op);
      sides[side] = 0;
      for (size_t k = 0; k < weights.size(); ++k)
        sides[side] += double(weights[k]) * (*there)[k];
    }
    EXPECT_NEAR(gradient[i], (sides[1] - sides[0]) / 0.02, 0.02) << "element " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Operations, DerivativeTest,
    testing::Values(
        DerivativeCase{
            "Conv", "tensor<1x4x5x5xf32>",
            "%w = nn.constant dense<0.5> : tensor<6x2x3x3xf32>\n"
            "%y = nn.conv2d %x, %w {groups = 2 : i64, pads = array<i64: 1, 0, 1, 2>, "
            "strides = array<i64: 2, 1>} : (tensor<1x4x5x5xf32>, tensor<6x2x3x3xf32>) -> "
            "tensor<1x6x3x5xf32>"},
        DerivativeCase{
            "Linear", "tensor<2x3xf32>",
            "%w = nn.constant dense<[[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]> : tensor<2x3xf32>\n"
            "%y = nn.linear %x, %w : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2xf32>"},
        DerivativeCase{"Relu", "tensor<1x7xf32>", "%y = nn.relu %x : tensor<1x7xf32>"},
        DerivativeCase{"Square", "tensor<1x7xf32>", "%y = nn.square %x : tensor<1x7xf32>"},
        DerivativeCase{
            "Repeated", "tensor<1x2x1x3xf32>",
            "%c = nn.constant dense<[[[[1.0], [2.0]], [[-1.0], [0.5]]]]> : tensor<1x2x2x1xf32>\n"
            "%y = nn.mul %x, %c : (tensor<1x2x1x3xf32>, tensor<1x2x2x1xf32>) -> "
            "tensor<1x2x2x3xf32>"},
        DerivativeCase{
            "Product", "tensor<1x5xf32>",
            "%y = nn.mul %x, %x : (tensor<1x5xf32>, tensor<1x5xf32>) -> tensor<1x5xf32>"},
        DerivativeCase{
            "Difference", "tensor<1x5xf32>",
            "%c = nn.constant dense<1.0> : tensor<1x5xf32>\n"
            "%y = nn.sub %x, %c : (tensor<1x5xf32>, tensor<1x5xf32>) -> tensor<1x5xf32>"},
        DerivativeCase{
            "MaxPool", "tensor<1x2x5x5xf32>",
            "%y = nn.max_pool2d %x {kernel = array<i64: 3, 2>, strides = array<i64: 2, 2>, "
            "pads = array<i64: 1, 0, 1, 1>} : tensor<1x2x5x5xf32> -> tensor<1x2x3x3xf32>"},
        DerivativeCase{
            "AvgPool", "tensor<1x2x5x5xf32>",
            "%y = nn.avg_pool2d %x {kernel = array<i64: 3, 2>, strides = array<i64: 2, 2>, "
            "pads = array<i64: 1, 0, 1, 1>, count_include_pad = false} : "
            "tensor<1x2x5x5xf32> -> tensor<1x2x3x3xf32>"},
        DerivativeCase{"Transpose", "tensor<2x3xf32>",
                       "%y = nn.transpose %x {permutation = array<i64: 1, 0>} : tensor<2x3xf32> -> "
                       "tensor<3x2xf32>"},
        DerivativeCase{"Take", "tensor<1x4xf32>",
                       "%y = nn.take %x {axis = 1 : i64, indices = array<i64: 2, -1, 2, 0>} : "
                       "tensor<1x4xf32> -> tensor<1x4xf32>"},
        DerivativeCase{"MatMul", "tensor<1x24xf32>",
                       "%a = nn.reshape %x : tensor<1x24xf32> -> tensor<2x3x4xf32>\n"
                       "%b = nn.reshape %x : tensor<1x24xf32> -> tensor<2x4x3xf32>\n"
                       "%z = nn.mat_mul %a, %b : (tensor<2x3x4xf32>, tensor<2x4x3xf32>) -> "
                       "tensor<2x3x3xf32>\n"
                       "%y = nn.reshape %z : tensor<2x3x3xf32> -> tensor<1x18xf32>"},
        DerivativeCase{"MatMulWithItself", "tensor<1x9xf32>",
                       "%a = nn.reshape %x : tensor<1x9xf32> -> tensor<1x3x3xf32>\n"
                       "%y = nn.mat_mul %a, %a : (tensor<1x3x3xf32>, tensor<1x3x3xf32>) -> "
                       "tensor<1x3x3xf32>"},
        DerivativeCase{
            "Concat", "tensor<1x2xf32>",
            "%c = nn.constant dense<[[5.0, 6.0]]> : tensor<1x2xf32>\n"
            "%y = nn.concat %x, %c, %x {axis = 1 : i64} : (tensor<1x2xf32>, tensor<1x2xf32>, "
            "tensor<1x2xf32>) -> tensor<1x6xf32>"},
        DerivativeCase{
            "Pad", "tensor<1x3xf32>",
            "%y = nn.pad %x {low = array<i64: 0, 1>, high = array<i64: 0, 2>, value = 1.0 : "
            "f64} : tensor<1x3xf32> -> tensor<1x6xf32>"}),
    [](const auto &info) { return info.param.name; });

TEST_F(ChooseTest, UnknownDerivativeIsRefusedByName) {
  func::FuncOp function = parse(R"mlir(
    func.func @main(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
      %y = nn.softmax %x {axis = 1 : i64} : tensor<1x3xf32> loc("attention")
      return %y : tensor<1x3xf32>
    })mlir");
  BatchValues values(1);
  std::vector<float> gradient(3);
  try {
    addOperandGradients(function.getBody().front().front(), {}, values, gradient,
                        [&](Value) -> std::vector<float> & { return gradient; });
    FAIL() << "no refusal";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Unsupported);
    EXPECT_THAT(error.what(), testing::HasSubstr("attention"));
  }
}

TEST_F(ChooseTest, RefitOfANetworkThatChangesNothingKeepsItsWeights) {
  func::FuncOp function = network();
  RefitResult result = refit(function, samples(200), {}, {});
  EXPECT_TRUE(result.variant.weights.empty());
  EXPECT_TRUE(result.variant.activations.empty());
  ASSERT_EQ(result.candidates.size(), 1u);
  EXPECT_EQ(result.candidates[0].size(), 4u);
}

TEST_F(ChooseTest, ReplacementsThatHarmLeastGoFirstAndAnswersAreJudgedOnTheOtherHalf) {
  ChooseGoal goal;
  goal.kind = ChooseGoal::Kind::All;
  Choice all = chooseActivations(network(), samples(400), goal);
  EXPECT_EQ(all.relus, 4u);
  EXPECT_EQ(all.kept, 0u);
  ASSERT_GE(all.points.size(), 3u);
  EXPECT_EQ(all.points.front().agreement, 1);
  EXPECT_LT(all.points[1].relativeError, all.points.back().relativeError);
  EXPECT_GT(all.point().agreement, 0.6);
}

TEST_F(ChooseTest, SamplesToJudgeByMeasureEveryPointWithoutFolds) {
  ChooseGoal goal;
  goal.kind = ChooseGoal::Kind::All;
  goal.judge = JudgeSet{samples(100), {}};
  Choice all = chooseActivations(network(), samples(400), goal);
  EXPECT_EQ(all.kept, 0u);
  ASSERT_EQ(all.points.size(), all.judged.size());
  for (size_t i = 0; i < all.points.size(); ++i)
    EXPECT_EQ(all.points[i].agreement, all.judged[i].agreement);
  EXPECT_EQ(all.point().replaced, 1);
}

TEST_F(ChooseTest, ValuesWithoutBoundAreAnInfiniteDeviation) {
  func::FuncOp function = network();
  Judge judge(function, samples(20));
  Variant steep;
  for (const ReluSite &site : reluSites(function))
    steep.activations[site.op].assign(site.channels, {false, false, 2, {1e38, 0, 1e38}});
  ChoosePoint point = judge.measure(steep);
  EXPECT_TRUE(std::isinf(point.divergence));
  EXPECT_TRUE(std::isinf(point.relativeError));
}

TEST_F(ChooseTest, WithinABoundAsManyAsItAllows) {
  ChooseGoal goal;
  goal.maxAccuracyDrop = 100;
  EXPECT_EQ(chooseActivations(network(), samples(100), goal).kept, 0u);
  goal.maxAccuracyDrop = 0;
  Choice none = chooseActivations(network(), samples(400), goal);
  EXPECT_EQ(none.point().agreement, 1);
}

// As networks without a Flatten have them: [N, classes, 1, 1].
TEST_F(ChooseTest, AnswersAreCountedAlongTheAxisThatHasScores) {
  func::FuncOp function = parse(R"mlir(
    func.func @main(%x: tensor<1x2x1x1xf32>) -> tensor<1x2x1x1xf32> {
      %y = nn.relu %x : tensor<1x2x1x1xf32> loc("act")
      return %y : tensor<1x2x1x1xf32>
    })mlir");
  ASSERT_TRUE(module);
  Judge judge(function, {2, {{1, 2, 4, 3}}}, {1, 0});
  EXPECT_EQ(judge.measure({}).accuracy, 1);
  Variant turned;
  turned.activations[reluSites(function).front().op].assign(2, {false, false, 1, {0, -1, 0}});
  EXPECT_EQ(judge.measure(turned).agreement, 0);
  EXPECT_EQ(judge.measure(turned).accuracy, 0);
}

TEST_F(ChooseTest, OneElementHasNoAnswerToBound) {
  func::FuncOp function = parse(R"mlir(
    func.func @main(%x: tensor<1x1xf32>) -> tensor<1x1xf32> {
      %y = nn.relu %x : tensor<1x1xf32> loc("act")
      return %y : tensor<1x1xf32>
    })mlir");
  ASSERT_TRUE(module);
  ChooseGoal goal;
  EXPECT_THROW(chooseActivations(function, samples(100, 1), goal), Error);
  goal.kind = ChooseGoal::Kind::All;
  EXPECT_EQ(chooseActivations(function, samples(100, 1), goal).kept, 0u);
}

TEST_F(ChooseTest, ABoundIncludesWhatItSays) {
  ChooseGoal goal;
  for (double percent : {1, 2, 3, 7}) {
    goal.maxAccuracyDrop = percent;
    EXPECT_TRUE(goal.allows({.agreement = (100 - percent) / 100}));
    EXPECT_FALSE(goal.allows({.agreement = (100 - percent) / 100 - 0.001}));
  }
}

TEST_F(ChooseTest, AGoalThatCannotBeMetNamesTheNearestPoint) {
  ChooseGoal goal;
  goal.kind = ChooseGoal::Kind::All;
  goal.degrees = {0};
  goal.maxAccuracyDrop = 0.1;
  try {
    chooseActivations(network(), samples(400), goal);
    FAIL() << "met";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::RangeCheck);
    EXPECT_THAT(error.hint(), testing::HasSubstr("--replace=ratio:"));
  }
}

/// A plan's cost by a formula: every ReLU takes a millisecond and 100 bytes.
std::optional<VariantCost> costOfKept(func::FuncOp function, const Variant &variant) {
  auto kept = static_cast<double>(keptRelus(reluSites(function), variant));
  return VariantCost{.seconds = kept * 1e-3, .dealtBytes = static_cast<uint64_t>(100 * kept)};
}

TEST_F(ChooseTest, ABudgetIsMetWithTheFewestReplacements) {
  func::FuncOp function = network();
  ChooseGoal goal;
  goal.maxAccuracyDrop = 100;
  goal.costOf = [&](const Variant &variant, double) { return costOfKept(function, variant); };
  goal.budget.milliseconds = 2.5;
  Choice two = chooseActivations(function, samples(100), goal);
  EXPECT_EQ(two.kept, 2u);
  ASSERT_TRUE(two.point().cost);
  EXPECT_EQ(two.point().cost->dealtBytes, 200u);
  goal.budget = {.dealtBytes = 399};
  EXPECT_EQ(chooseActivations(function, samples(100), goal).kept, 3u);
  goal.budget = {.milliseconds = 4};
  Choice none = chooseActivations(function, samples(100), goal);
  EXPECT_EQ(none.kept, 4u);
  EXPECT_EQ(none.points.size(), 1u);
}

TEST_F(ChooseTest, EveryPointIsPredictedForAFrontier) {
  func::FuncOp function = network();
  ChooseGoal goal;
  goal.maxAccuracyDrop = 100;
  goal.costOf = [&](const Variant &variant, double) { return costOfKept(function, variant); };
  goal.costOfAll = true;
  goal.budget.milliseconds = 3;
  Choice choice = chooseActivations(function, samples(100), goal);
  EXPECT_EQ(choice.kept, 3u);
  ASSERT_GT(choice.points.size(), choice.chosen + 1);
  for (const ChoosePoint &point : choice.points)
    ASSERT_TRUE(point.cost);
  EXPECT_EQ(choice.points.back().cost->seconds, 0);
}

TEST_F(ChooseTest, AutoTakesTheCheapestPlanThatTheBoundAllows) {
  func::FuncOp function = network();
  ChooseGoal goal;
  goal.maxAccuracyDrop = 100;
  goal.cheapest = true;
  // The first replacement costs more than it saves, as where a layer must be opened for it.
  auto costWith = [&](double opening) {
    return [=](const Variant &variant, double) {
      VariantCost cost = *costOfKept(function, variant);
      cost.value = cost.seconds + (variant.activations.empty() ? 0 : opening);
      return std::optional(cost);
    };
  };
  goal.costOf = costWith(2.5e-3);
  Choice all = chooseActivations(function, samples(100), goal);
  EXPECT_EQ(all.kept, 0u);
  EXPECT_EQ(all.point().cost->value, 2.5e-3);
  goal.costOf = costWith(4e-3);
  Choice none = chooseActivations(function, samples(100), goal);
  EXPECT_EQ(none.kept, 4u);
  EXPECT_EQ(none.chosen, 0u);
  EXPECT_GT(none.points.size(), 1u);
  EXPECT_TRUE(none.variant.activations.empty());
  // What no plan computes precisely enough is not taken, but where there is nothing else.
  goal.costOf = [&](const Variant &variant, double error) {
    return keptRelus(reluSites(function), variant) == 0 ? std::nullopt
                                                        : costWith(0)(variant, error);
  };
  EXPECT_EQ(chooseActivations(function, samples(100), goal).kept, 1u);
  goal.costOf = [](const Variant &, double) { return std::nullopt; };
  EXPECT_EQ(chooseActivations(function, samples(100), goal).kept, 4u);
}

// A polynomial below zero has no root, and a difference across zero no value.
TEST_F(ChooseTest, RootsBehindReplacedReLUsEndTheWayAndNoMore) {
  func::FuncOp function = parse(R"mlir(
    func.func @main(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
      %y = nn.relu %x : tensor<1x4xf32> loc("act")
      %r = nn.function sqrt %y {parameters = array<f64>} : tensor<1x4xf32>
      return %r : tensor<1x4xf32>
    })mlir");
  ChooseGoal goal;
  goal.cheapest = true;
  goal.costOf = [&](const Variant &variant, double) {
    VariantCost cost = *costOfKept(function, variant);
    cost.value = cost.seconds;
    return std::optional(cost);
  };
  EXPECT_TRUE(std::isfinite(chooseActivations(function, samples(100), goal).point().divergence));
}

TEST_F(ChooseTest, ABudgetThatCannotBeMetNamesTheNearestPoint) {
  func::FuncOp function = network();
  auto refusal = [&](const ChooseGoal &goal) {
    try {
      chooseActivations(function, samples(100), goal);
    } catch (const Error &error) {
      EXPECT_EQ(error.code(), ExitCode::RangeCheck);
      return std::string(error.what()) + " " + error.hint();
    }
    return std::string();
  };
  ChooseGoal goal;
  goal.maxAccuracyDrop = 0;
  goal.costOf = [&](const Variant &variant, double) { return costOfKept(function, variant); };
  goal.budget.milliseconds = 1e-3;
  EXPECT_THAT(refusal(goal), AllOf(HasSubstr("--budget-ms=0.001: cannot be met"),
                                   HasSubstr("nearest: "), HasSubstr("% of the ReLUs replaced"),
                                   HasSubstr("dealt bytes; ask for --budget-ms=")));
  // Of a share that was asked for, the budget is a demand.
  goal.kind = ChooseGoal::Kind::Ratio;
  goal.ratio = 0.5;
  goal.maxAccuracyDrop = {};
  goal.budget = {.dealtBytes = 199};
  EXPECT_THAT(refusal(goal), HasSubstr("nearest: 50 % of the ReLUs replaced"));
  goal.budget.dealtBytes = 200;
  EXPECT_EQ(refusal(goal), "");
  // No plan is precise enough: no cost, and nothing is near.
  goal.costOf = [](const Variant &, double) { return std::nullopt; };
  EXPECT_THAT(refusal(goal), HasSubstr("no plan was precise enough"));
}

TEST_F(ChooseTest, PinsAreKept) {
  ChooseGoal goal;
  goal.kind = ChooseGoal::Kind::Ratio;
  goal.ratio = 0.5;
  ChannelChoice identity{false, false, 1, {0, 1, 0}};
  goal.pins["act"] = {identity, ChannelChoice{}, std::nullopt, ChannelChoice{}};
  func::FuncOp function = network();
  Choice choice = chooseActivations(function, samples(100), goal);
  const std::vector<ChannelChoice> &channels = choice.variant.activations.begin()->second;
  EXPECT_FALSE(channels[0].relu);
  EXPECT_EQ(channels[0].polynomial.b, 1);
  EXPECT_TRUE(channels[1].relu);
  EXPECT_FALSE(channels[2].relu);
  EXPECT_TRUE(channels[3].relu);
  goal.ratio = 0.9;
  EXPECT_THROW(chooseActivations(function, samples(100), goal), Error);
  goal.pins = {{"no such layer", {identity}}};
  EXPECT_THROW(chooseActivations(function, samples(100), goal), Error);
}

TEST_F(ChooseTest, TooFewSamplesAreRefused) {
  EXPECT_THROW(chooseActivations(network(), samples(5), {}), Error);
}

TEST_F(ChooseTest, WhatIsWrittenComputesWhatWasChosen) {
  func::FuncOp function = network();
  SampleBatch data = samples(100);
  ChooseGoal goal;
  goal.kind = ChooseGoal::Kind::Ratio;
  goal.ratio = 0.5;
  Choice choice = chooseActivations(function, data, goal);
  auto expected = evaluateVariant(function, data, choice.variant);
  applyVariant(function, choice.variant);
  EXPECT_TRUE(succeeded(function.verify()));
  auto written = evaluateVariant(function, data, {});
  EXPECT_EQ(std::distance(function.getOps<nn::MixedActivationOp>().begin(),
                          function.getOps<nn::MixedActivationOp>().end()),
            1);
  for (size_t i = 0; i < expected[0].size(); ++i)
    EXPECT_FLOAT_EQ(written[0][i], expected[0][i]);
}

TEST_F(ChooseTest, ImagesAreMirroredAndShifted) {
  func::FuncOp function = parse("func.func @main(%x: tensor<1x1x8x8xf32>) -> tensor<1x1x8x8xf32> "
                                "{ return %x : tensor<1x1x8x8xf32> }");
  std::vector<float> image(64);
  for (size_t i = 0; i < 64; ++i)
    image[i] = static_cast<float>(i);
  SampleBatch more = augment(function, {1, {image}});
  ASSERT_EQ(more.count, 12u);
  EXPECT_EQ(more.inputs[0][0], 0);
  EXPECT_EQ(more.inputs[0][64], 7); // mirrored
  // Up by two and left by one: the corner comes from row 2, column 1.
  EXPECT_EQ(more.inputs[0][3 * 64], 17);
  EXPECT_EQ(augment(network(), samples(3)).count, 3u);
}

TEST_F(ChooseTest, ManySamplesGetFewerChangedImages) {
  func::FuncOp function = parse("func.func @main(%x: tensor<1x1x8x8xf32>) -> tensor<1x1x8x8xf32> "
                                "{ return %x : tensor<1x1x8x8xf32> }");
  EXPECT_EQ(augment(function, {150, {numbers(150 * 64, 1)}}).count, 150u * 10);
  EXPECT_EQ(augment(function, {400, {numbers(400 * 64, 1)}}).count, 400u * 4);
}

TEST_F(ChooseTest, EvenFitDoesNotFollowTheDensity) {
  // Hardly any z is negative, so the nearest line is nearly the identity there, but not evenly.
  std::vector<float> z = numbers(4000, 3), y;
  for (float &value : z) {
    value = 1 + value * value * value / 8;
    y.push_back(std::max(value, 0.0f));
  }
  PolynomialFit dense, even;
  dense.observe(z);
  dense.add(z, y);
  even.observe(z);
  even.addEvenly();
  auto error = [&](const Polynomial &p) {
    double sum = 0;
    for (size_t i = 0; i < z.size(); ++i)
      sum += (p(z[i]) - y[i]) * (p(z[i]) - y[i]);
    return sum;
  };
  EXPECT_LT(error(dense.solve(2)), 0.5 * error(even.solve(2)));
}

TEST_F(ChooseTest, DivergenceIsThatOfTheSoftmaxes) {
  // p = (1/2, 1/2), q = (3/4, 1/4): KL = log 2 - (log 3) / 2.
  EXPECT_NEAR(meanDivergence({{5, 5}, 2}, {{std::log(3.0f), 0}, 2}),
              std::log(2.0) - std::log(3.0) / 2, 1e-6);
  EXPECT_NEAR(meanDivergence({{1, 2, 90, 0}, 2}, {{3, 4, 90, 0}, 2}), 0, 1e-6);
  EXPECT_EQ(meanDivergence({{1, 2}, 1}, {{3, 4}, 1}), 0);
}

// Eight samples of spread 1 that are off by 0.1, and one that has grown without bound.
TEST_F(ChooseTest, OneSampleOutOfBoundsDoesNotHideHowFarOffTheOthersAre) {
  const float inf = std::numeric_limits<float>::infinity();
  OutputSamples reference{{}, 2}, close = reference;
  for (int sample = 0; sample < 9; ++sample)
    for (float value : {1.0f, -1.0f}) {
      reference.values.push_back(value);
      close.values.push_back(value + 0.1f);
    }
  EXPECT_NEAR(typicalError({reference}, {close}, 9), 0.1, 1e-6);
  for (float out : {1e6f, inf, std::nanf("")}) {
    OutputSamples broken = close;
    broken.values[4] = out;
    EXPECT_NEAR(typicalError({reference}, {broken}, 9), 0.1, 1e-6);
  }
  OutputSamples twice = close; // Nine times as far off is no outlier.
  twice.values[4] = 1.9f;
  EXPECT_GT(typicalError({reference}, {twice}, 9), 0.2);
  for (float &value : close.values) // If all of them are out of bounds, it says so.
    value = inf;
  EXPECT_TRUE(std::isinf(typicalError({reference}, {close}, 9)));
}

TEST_F(ChooseTest, WhatCancelsOutStillHarms) {
  func::FuncOp function = network();
  SampleBatch data = samples(50);
  RefitResult start = refit(function, data, {}, {});
  Sensitivities sums = measureSensitivities(function, data, start, false),
                both = measureSensitivities(function, data, start, true);
  for (size_t channel = 0; channel < 4; ++channel) {
    EXPECT_GT(sums[0][channel][1], 0);
    // One element per channel: nothing can cancel, so the squares are the same.
    EXPECT_NEAR(both[0][channel][1] / sums[0][channel][1], 10, 1e-6);
  }
}

} // namespace
