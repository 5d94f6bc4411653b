// SPDX-License-Identifier: Apache-2.0
// That recognising and fusing polynomials keeps what a network computes, by evaluating it before
// and after.
#include "compiler/evaluate/Evaluator.h"
#include "dialects/nn/NnDialect.h"
#include "passes/nn/Passes.h"
#include "runtime/crypto/Prg.h"

#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Transforms/Passes.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;

namespace gfs {
namespace {

/// Numbers in [-2, 2), the same every time.
class Numbers {
public:
  float next() {
    uint32_t word = 0;
    prg.fillWords(std::span(&word, 1));
    return static_cast<float>(word >> 8) * 0x1p-22f - 2;
  }
  std::vector<float> many(size_t count) {
    std::vector<float> numbers(count);
    for (float &number : numbers)
      number = next();
    return numbers;
  }

private:
  AesKey key{std::array<uint8_t, 16>{}};
  Prg prg{key, 0};
};

class MixedLinear : public testing::Test {
protected:
  MixedLinear() {
    context.loadDialect<func::FuncDialect, nn::NnDialect>();
    context.disableMultithreading();
  }

  func::FuncOp parse(const std::string &text) {
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    return *module->getOps<func::FuncOp>().begin();
  }

  std::vector<float> evaluate(func::FuncOp function, const std::vector<float> &input) {
    std::span<const float> inputs[] = {input};
    return Evaluator(function).run(inputs).front();
  }

  template <class Op> static size_t count(func::FuncOp function) {
    size_t found = 0;
    function.walk([&](Op) { ++found; });
    return found;
  }

  /// Runs both passes on `text` and compares the outputs before and after.
  func::FuncOp fuse(const std::string &text, size_t inputs) {
    func::FuncOp function = parse(text);
    std::vector<float> input = Numbers().many(inputs), before = evaluate(function, input);
    PassManager passes(&context, func::FuncOp::getOperationName());
    passes.addPass(nn::createNnRecogniseQuadratics());
    passes.addPass(nn::createNnFuseMixedLinear());
    passes.addPass(createCanonicalizerPass());
    EXPECT_TRUE(succeeded(passes.run(function)));
    std::vector<float> after = evaluate(function, input);
    float largest = 1;
    for (float value : before)
      largest = std::max(largest, std::fabs(value));
    EXPECT_EQ(before.size(), after.size());
    for (size_t i = 0; i < before.size(); ++i)
      EXPECT_NEAR(before[i], after[i], 2e-5f * largest) << "element " << i;
    EXPECT_EQ(count<nn::MixedActivationOp>(function), 0u);
    return function;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

/// x: [1, 2, 5, 5]; z: a convolution of it to three channels; a, b, c: coefficients of both signs.
const std::string preamble = R"(func.func @main(%x: tensor<1x2x5x5xf32>) -> RESULT {
  %w = nn.constant dense<[[[[1.0]], [[-0.5]]], [[[0.75]], [[2.0]]], [[[-1.5]], [[0.25]]]]> : tensor<3x2x1x1xf32>
  %z = nn.conv2d %x, %w : (tensor<1x2x5x5xf32>, tensor<3x2x1x1xf32>) -> tensor<1x3x5x5xf32>
  %a = nn.constant dense<[0.5, -2.0, 0.0]> : tensor<3xf32>
  %b = nn.constant dense<[-1.0, 0.5, 1.5]> : tensor<3xf32>
  %c = nn.constant dense<[0.25, 1.0, -3.0]> : tensor<3xf32>
  %v = nn.constant dense<[[[[0.5, -1.0], [2.0, 0.25]], [[1.0, 1.5], [-0.5, 0.75]], [[0.25, 0.5], [-2.0, 1.0]]]]>
      : tensor<1x3x2x2xf32>
)";

std::string network(const std::string &result, const std::string &body) {
  std::string text = preamble + body + "}\n";
  return text.replace(text.find("RESULT"), 6, result);
}

TEST_F(MixedLinear, FoldsIntoLayersOnBothSides) {
  auto function = fuse(network("tensor<1x1x4x4xf32>", R"(
  %y = nn.mixed_activation %z, %a, %b, %c : tensor<1x3x5x5xf32>, tensor<3xf32>
  %o = nn.conv2d %y, %v : (tensor<1x3x5x5xf32>, tensor<1x3x2x2xf32>) -> tensor<1x1x4x4xf32>
  return %o : tensor<1x1x4x4xf32>
)"),
                       50);
  // Constants are in the bias: nothing is added or negated anywhere.
  EXPECT_EQ(count<nn::AddOp>(function) + count<nn::MulOp>(function), 0u);
  EXPECT_EQ(count<nn::SquareOp>(function), 1u);
}

TEST_F(MixedLinear, KeepsConstantsOutOfThePadding) {
  auto function = fuse(network("tensor<1x1x6x7xf32>", R"(
  %y = nn.mixed_activation %z, %a, %b, %c {relu = array<i1: false, false, true>} : tensor<1x3x5x5xf32>, tensor<3xf32>
  %o = nn.conv2d %y, %v {pads = array<i64: 1, 2, 1, 1>}
      : (tensor<1x3x5x5xf32>, tensor<1x3x2x2xf32>) -> tensor<1x1x6x7xf32>
  return %o : tensor<1x1x6x7xf32>
)"),
                       50);
  EXPECT_EQ(count<nn::AddOp>(function), 1u);
  EXPECT_EQ(count<nn::ReluOp>(function), 1u);
}

TEST_F(MixedLinear, ServesALayerAndASumOfTheSameValue) {
  auto function = fuse(network("tensor<1x3x5x5xf32>", R"(
  %y = nn.mixed_activation %z, %a, %b, %c : tensor<1x3x5x5xf32>, tensor<3xf32>
  %u = nn.constant dense<0.5> : tensor<3x3x3x3xf32>
  %o = nn.conv2d %y, %u {pads = array<i64: 1, 1, 1, 1>}
      : (tensor<1x3x5x5xf32>, tensor<3x3x3x3xf32>) -> tensor<1x3x5x5xf32>
  %s = nn.add %o, %y : (tensor<1x3x5x5xf32>, tensor<1x3x5x5xf32>) -> tensor<1x3x5x5xf32>
  %t = nn.mixed_activation %s, %a, %b, %c {relu = array<i1: true, false, false>} : tensor<1x3x5x5xf32>, tensor<3xf32>
  return %t : tensor<1x3x5x5xf32>
)"),
                       50);
  // Signs of the first gate, for the sum, and factors of the second, behind it, are weights of
  // depthwise layers: nothing is negated in the open.
  EXPECT_EQ(count<nn::BatchNormOp>(function), 2u);
  EXPECT_EQ(count<nn::MulOp>(function), 0u);
  EXPECT_EQ(count<nn::SquareOp>(function), 2u);
}

TEST_F(MixedLinear, SinksThroughPoolingsAndReshapes) {
  for (const char *pool :
       {"{kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>}",
        "{kernel = array<i64: 3, 3>, strides = array<i64: 3, 3>, pads = array<i64: 0, 0, 1, 1>}",
        "{kernel = array<i64: 3, 3>, strides = array<i64: 3, 3>, pads = array<i64: 0, 0, 1, 1>, "
        "count_include_pad = false}"}) {
    auto function = fuse(network("tensor<1x1xf32>", std::string(R"(
  %y = nn.mixed_activation %z, %a, %b, %c : tensor<1x3x5x5xf32>, tensor<3xf32>
  %p = nn.avg_pool2d %y )") + pool + R"( : tensor<1x3x5x5xf32> -> tensor<1x3x2x2xf32>
  %f = nn.reshape %p : tensor<1x3x2x2xf32> -> tensor<1x12xf32>
  %l = nn.constant dense<[[1.0, -2.0, 0.5, 0.25, 3.0, 1.0, -1.0, -0.5, 0.125, 2.0, 1.5, -0.25]]> : tensor<1x12xf32>
  %o = nn.linear %f, %l : (tensor<1x12xf32>, tensor<1x12xf32>) -> tensor<1x1xf32>
  return %o : tensor<1x1xf32>
)"),
                         50);
    EXPECT_EQ(count<nn::MulOp>(function) + count<nn::BatchNormOp>(function), 0u) << pool;
  }
}

TEST_F(MixedLinear, NeedsNoGateForConstantChannels) {
  auto function = fuse(network("tensor<1x3x5x5xf32>", R"(
  %n = nn.constant dense<0.0> : tensor<3xf32>
  %y = nn.mixed_activation %z, %n, %n, %c : tensor<1x3x5x5xf32>, tensor<3xf32>
  return %y : tensor<1x3x5x5xf32>
)"),
                       50);
  EXPECT_EQ(count<nn::SquareOp>(function) + count<nn::ReluOp>(function), 0u);
}

TEST_F(MixedLinear, RecognisesSpellings) {
  // Per channel and scalar, expanded and by Horner's rule, (x + h)^2, and ReLUs with a mask.
  const char *spellings[] = {
      R"(%q = nn.mul %z, %z : (T, T) -> T
         %r = nn.mul %q, %A : (T, C) -> T
         %s = nn.mul %B, %z : (C, T) -> T
         %t = nn.add %r, %s : (T, T) -> T
         %y = nn.sub %t, %A : (T, C) -> T)",
      R"(%q = nn.mul %A, %z : (C, T) -> T
         %r = nn.add %q, %B : (T, C) -> T
         %s = nn.mul %r, %z : (T, T) -> T
         %y = nn.add %s, %k : (T, tensor<f32>) -> T)",
      R"(%q = nn.add %z, %B : (T, C) -> T
         %r = nn.square %q : T
         %y = nn.mul %r, %k : (T, tensor<f32>) -> T)",
      R"(%q = nn.relu %z : T
         %r = nn.mul %q, %M : (T, C) -> T
         %s = nn.mul %A, %z : (C, T) -> T
         %t = nn.mul %s, %z : (T, T) -> T
         %y = nn.add %r, %t : (T, T) -> T)"};
  for (std::string body : spellings) {
    body = R"(%A = nn.constant dense<[[[0.0]], [[2.0]], [[-1.5]]]> : C
              %B = nn.constant dense<[[[0.5]], [[0.25]], [[-3.0]]]> : C
              %M = nn.constant dense<[[[1.0]], [[0.0]], [[0.0]]]> : C
              %k = nn.constant dense<-0.75> : tensor<f32>
)" + body + "\nreturn %y : T\n";
    for (auto [from, to] :
         {std::pair("T", "tensor<1x3x5x5xf32>"), std::pair("C", "tensor<3x1x1xf32>")})
      for (size_t at = 0; (at = body.find(from, at)) != std::string::npos; ++at)
        if (std::string(" (").find(body[at - 1]) != std::string::npos)
          body.replace(at, 1, to);
    auto function = fuse(network("tensor<1x3x5x5xf32>", body), 50);
    EXPECT_EQ(count<nn::SquareOp>(function), 1u) << body;
  }
}

} // namespace
} // namespace gfs
