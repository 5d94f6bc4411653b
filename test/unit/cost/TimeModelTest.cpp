// SPDX-License-Identifier: Apache-2.0
#include "runtime/cost/TimeModel.h"

#include "runtime/plan/PlanBuilder.h"

#include <gtest/gtest.h>

using namespace gfs;

namespace {

Program programOf(const plan::Plan &plan) {
  return Program(plan::parsePlan(plan::serializePlan(plan), "test"));
}

plan::Plan reluPlan(plan::SignWindow::Protocol protocol, unsigned high = 13) {
  PlanBuilder builder(32);
  builder.output(builder.relu(builder.open(builder.input({1, 1000})), 5, 5, high, protocol));
  return builder.build();
}

/// Everything is free but what a test sets.
Environment nothing() {
  Environment environment;
  environment.machine = {};
  environment.network = {};
  return environment;
}

} // namespace

TEST(TimeModel, AnExchangeCostsItsDelayAndItsBytes) {
  Environment environment = nothing();
  environment.network = {"test", 2.0, 1000};
  environment.machine.exchanges[2] = {0.5e6, 1e6};
  Program program = programOf(reluPlan(plan::SignWindow::TABLE));
  TimePrediction time = predictTime(program, environment);
  // Opening: 4000 bytes; signs: 125.
  EXPECT_EQ(time.exchanges, 2u);
  EXPECT_DOUBLE_EQ(time.total.delaySeconds, 2 * (1.0 + 0.5));
  EXPECT_DOUBLE_EQ(time.total.transferSeconds, 4125 * (1e-3 + 1e-3));
  EXPECT_EQ(time.total.computeSeconds, 0);
  EXPECT_DOUBLE_EQ(time.steps[1].transferSeconds, 4000 * 2e-3);
  EXPECT_DOUBLE_EQ(time.steps[2].delaySeconds, 1.5);
  EXPECT_DOUBLE_EQ(time.seconds(), 3.0 + 8.25);
}

TEST(TimeModel, StepsThatShareAnExchangeShareItsDelay) {
  PlanBuilder builder(32);
  uint32_t a = builder.open(builder.input({1, 100})), b = builder.open(builder.input({1, 100}));
  uint32_t sum = builder.step({a, b}, {1, 100}, PlanBuilder::masked);
  builder.latest().mutable_add();
  builder.output(builder.relu(sum, 5, 5, 13, plan::SignWindow::DCF));
  Environment environment = nothing();
  environment.network.roundTripSeconds = 2;
  TimePrediction time = predictTime(programOf(builder.build()), environment);
  EXPECT_EQ(time.exchanges, 1u);
  EXPECT_DOUBLE_EQ(time.total.delaySeconds, 1.0);
  EXPECT_DOUBLE_EQ(time.steps[1].delaySeconds, 0.5);
  EXPECT_DOUBLE_EQ(time.steps[3].delaySeconds, 0.5);
}

TEST(TimeModel, WorkIsCountedByKind) {
  Environment environment = nothing();
  environment.machine.unitNs = {{"relu_table", {2, 200}}, {"relu_one_hot", {3, 300}}};
  auto compute = [&](plan::SignWindow::Protocol protocol, unsigned high) {
    return predictTime(programOf(reluPlan(protocol, high)), environment).total.computeSeconds;
  };
  EXPECT_DOUBLE_EQ(compute(plan::SignWindow::TABLE, 13), 2e-6);
  EXPECT_DOUBLE_EQ(compute(plan::SignWindow::ONE_HOT, 13), 2 * 3e-6); // two chunks
  EXPECT_DOUBLE_EQ(compute(plan::SignWindow::ONE_HOT, 14), 3 * 3e-6);
  EXPECT_EQ(compute(plan::SignWindow::DCF, 13), 0);
  environment.machine.aesBlockNs = 1;
  EXPECT_GT(compute(plan::SignWindow::DCF, 14), compute(plan::SignWindow::DCF, 13));
}

TEST(TimeModel, LayersAreTimedByShapeAndRing) {
  auto seconds = [&](LinearShape shape, unsigned ring, const plan::Conv &conv) {
    PlanBuilder builder(ring);
    uint32_t x = builder.open(builder.input({1, conv.in_channels(), conv.in_h(), conv.in_w()}));
    builder.output(builder.linear(x, conv, false));
    Environment environment = nothing();
    environment.machine.multiplicationNs[static_cast<size_t>(shape)][ringClass(ring)] = 1;
    return predictTime(programOf(builder.build()), environment).total.computeSeconds;
  };
  EXPECT_DOUBLE_EQ(seconds(LinearShape::Dense, 32, makeConv(1, 8, 6, 4, 3, 1, 1)),
                   1e-9 * 8 * 9 * 4 * 36);
  EXPECT_DOUBLE_EQ(seconds(LinearShape::Filter, 31, makeConv(1, 8, 8, 4, 3, 1, 1)),
                   1e-9 * 8 * 9 * 4 * 64);
  EXPECT_DOUBLE_EQ(seconds(LinearShape::Dense, 31, makeConv(1, 8, 20, 4, 3, 2, 1)),
                   1e-9 * 8 * 9 * 4 * 100);
  EXPECT_EQ(seconds(LinearShape::Filter, 30, makeConv(1, 8, 20, 4, 3, 2, 1)), 0);
  EXPECT_DOUBLE_EQ(seconds(LinearShape::Thin, 40, makeConv(1, 3, 6, 4, 3, 1, 1)),
                   1e-9 * 3 * 9 * 4 * 36);
  EXPECT_DOUBLE_EQ(seconds(LinearShape::Depthwise, 60, makeConv(1, 8, 6, 8, 3, 1, 1, 8)),
                   1e-9 * 9 * 8 * 36);
  EXPECT_DOUBLE_EQ(seconds(LinearShape::Matrix, 32, makeConv(1, 128, 1, 10)), 1e-9 * 1280);
  EXPECT_EQ(seconds(LinearShape::Matrix, 32, makeConv(1, 8, 6, 4, 3, 1, 1)), 0);
}

TEST(TimeModel, WideRingsTakeLongerSteps) {
  Environment environment = nothing();
  environment.machine.unitNs = {{"open", {1, 10}}};
  auto opening = [&](unsigned ring) {
    PlanBuilder builder(ring);
    uint32_t x = builder.open(builder.input({1, 1000}));
    builder.step({x}, {1, 1000}, PlanBuilder::shared);
    builder.latest().mutable_unmask();
    builder.output(2);
    return predictTime(programOf(builder.build()), environment).total.computeSeconds;
  };
  EXPECT_DOUBLE_EQ(opening(32), 1e-6);
  EXPECT_DOUBLE_EQ(opening(33), 10e-6);
}
