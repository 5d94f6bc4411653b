// SPDX-License-Identifier: Apache-2.0
// Bits by influence against networks whose derivatives are known.
#include "compiler/calibrate/Ranges.h"
#include "compiler/precision/DistributeBits.h"
#include "dialects/fixed/FixedDialect.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>
#include <limits>

using namespace gfs;
using namespace mlir;

namespace {

class PrecisionTest : public testing::Test {
protected:
  PrecisionTest() { context.loadDialect<func::FuncDialect, nn::NnDialect, fixed::FixedDialect>(); }

  /// Measures and distributes over a function of one argument of 2 elements.
  func::FuncOp distribute(const std::string &body, std::vector<float> samples) {
    module = parseSourceString<ModuleOp>(body, &context);
    EXPECT_TRUE(module);
    func::FuncOp function = *module->getOps<func::FuncOp>().begin();
    const size_t count = samples.size() / 2;
    std::vector<std::vector<float>> inputs = {std::move(samples)};
    measureRanges(function, count, inputs);
    distributeBits(function, {count, inputs});
    return function;
  }

  /// The operations of a kind, in program order.
  template <class Op> static std::vector<Op> all(func::FuncOp function) {
    auto ops = function.getOps<Op>();
    return {ops.begin(), ops.end()};
  }

  static constexpr double tolerance = 1e-4; ///< Derivatives are of single precision.

  static double bitsOf(Operation *op) {
    return fixed::extraBits(op->getResult(0)).value_or(std::numeric_limits<double>::quiet_NaN());
  }
  static double weightScaleOf(Operation *linear) {
    return fixed::extraWeightScale(linear).value_or(std::numeric_limits<double>::quiet_NaN());
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

/// Of the last, the layers below make values that ReLUs drop.
const std::vector<float> samples = {1, -0.25, -0.25, 1, 1, 0.75, -1, -1};

TEST_F(PrecisionTest, ActivationsGetBitsByWhatTheyDoToOutputs) {
  // Three equal branches; the weights behind them are 4, 1 and 1/4.
  func::FuncOp function = distribute(R"mlir(
    func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
      %w = nn.constant dense<[[1.0, 0.5], [0.5, 1.0]]> : tensor<2x2xf32>
      %l = nn.constant dense<[[4.0, 0.0], [0.0, 4.0]]> : tensor<2x2xf32>
      %m = nn.constant dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>
      %s = nn.constant dense<[[0.25, 0.0], [0.0, 0.25]]> : tensor<2x2xf32>
      %z = nn.linear %x, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      %a = nn.relu %z : tensor<1x2xf32>
      %b = nn.relu %z : tensor<1x2xf32>
      %c = nn.relu %z : tensor<1x2xf32>
      %p = nn.linear %a, %l : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      %q = nn.linear %b, %m : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      %r = nn.linear %c, %s : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      %t = nn.add %p, %q : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
      %u = nn.add %t, %r : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
      return %u : tensor<1x2xf32>
    })mlir",
                                     samples);
  auto relus = all<nn::ReluOp>(function);
  ASSERT_EQ(relus.size(), 3u);
  EXPECT_NEAR(bitsOf(relus[0]), 2, tolerance);
  EXPECT_NEAR(bitsOf(relus[1]), 0, tolerance); // the median
  EXPECT_NEAR(bitsOf(relus[2]), -2, tolerance);
  // All three layers multiply the same values, so their weights do the same harm.
  auto layers = all<nn::LinearOp>(function);
  ASSERT_EQ(layers.size(), 4u);
  EXPECT_NEAR(weightScaleOf(layers[1]), weightScaleOf(layers[2]), tolerance);
  EXPECT_NEAR(weightScaleOf(layers[1]), weightScaleOf(layers[3]), tolerance);
}

TEST_F(PrecisionTest, LargeValuesGetMoreBitsThanSmallOnesThatDoTheSame) {
  // The second branch holds values 8 times as large and multiplies by an eighth.
  func::FuncOp function = distribute(R"mlir(
    func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
      %w = nn.constant dense<[[1.0, 0.5], [0.5, 1.0]]> : tensor<2x2xf32>
      %v = nn.constant dense<[[8.0, 4.0], [4.0, 8.0]]> : tensor<2x2xf32>
      %e = nn.constant dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>
      %s = nn.constant dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>
      %y = nn.linear %x, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      %z = nn.linear %x, %v : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      %a = nn.relu %y : tensor<1x2xf32>
      %b = nn.relu %z : tensor<1x2xf32>
      %p = nn.linear %a, %e : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      %q = nn.linear %b, %s : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      %t = nn.add %p, %q : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
      return %t : tensor<1x2xf32>
    })mlir",
                                     samples);
  // An error of one unit does the same in either; the larger one's units are of a larger whole.
  auto relus = all<nn::ReluOp>(function);
  EXPECT_NEAR(bitsOf(relus[1]) - bitsOf(relus[0]), 3, tolerance);
  // A weight's error is multiplied by what it multiplies.
  auto layers = all<nn::LinearOp>(function);
  EXPECT_NEAR(weightScaleOf(layers[3]) - weightScaleOf(layers[2]), 3, tolerance);
}

TEST_F(PrecisionTest, OneFactorForAllCountsTwice) {
  func::FuncOp function = distribute(R"mlir(
    func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
      %f = nn.constant dense<0.31416> : tensor<f32>
      %g = nn.constant dense<[0.31416, 0.4]> : tensor<2xf32>
      %a = nn.relu %x : tensor<1x2xf32>
      %p = nn.mul %a, %f : (tensor<1x2xf32>, tensor<f32>) -> tensor<1x2xf32>
      %q = nn.mul %a, %g : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
      %t = nn.add %p, %q : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
      return %t : tensor<1x2xf32>
    })mlir",
                                     {1, 0, 1, 0, 1, 0, 1, 0});
  // Only the first element is ever anything, so the sums over elements are equal.
  auto products = all<nn::MulOp>(function);
  EXPECT_NEAR(weightScaleOf(products[0]) - weightScaleOf(products[1]), 1, tolerance);
}

TEST_F(PrecisionTest, PublicFactorsAreNoWeights) {
  func::FuncOp function = distribute(R"mlir(
    func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
      %f = nn.constant dense<0.31416> : tensor<f32>
      %a = nn.relu %x : tensor<1x2xf32>
      %p = nn.mul %a, %f {nn.public_factor} : (tensor<1x2xf32>, tensor<f32>) -> tensor<1x2xf32>
      return %p : tensor<1x2xf32>
    })mlir",
                                     samples);
  EXPECT_FALSE(fixed::extraWeightScale(all<nn::MulOp>(function)[0]));
}

TEST_F(PrecisionTest, NothingIsSaidWithoutActivations) {
  func::FuncOp function = distribute(R"mlir(
    func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
      %w = nn.constant dense<[[1.0, 0.5], [0.5, 1.0]]> : tensor<2x2xf32>
      %z = nn.linear %x, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      return %z : tensor<1x2xf32>
    })mlir",
                                     samples);
  EXPECT_FALSE(fixed::extraWeightScale(all<nn::LinearOp>(function)[0]));
}

TEST_F(PrecisionTest, OutputsThatNeverChangeDoNotBreakIt) {
  func::FuncOp function = distribute(R"mlir(
    func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
      %w = nn.constant dense<0.0> : tensor<2x2xf32>
      %a = nn.relu %x : tensor<1x2xf32>
      %z = nn.linear %a, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      return %z : tensor<1x2xf32>
    })mlir",
                                     samples);
  EXPECT_FALSE(fixed::extraBits(all<nn::ReluOp>(function)[0].getResult()));
}

} // namespace
