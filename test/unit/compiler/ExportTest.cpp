// SPDX-License-Identifier: Apache-2.0
// That an exported network, read back, computes what it did.
#include "compiler/export/Export.h"
#include "compiler/evaluate/Evaluator.h"
#include "compiler/import/Import.h"
#include "compiler/import/onnx.pb.h"
#include "dialects/nn/NnDialect.h"
#include "passes/nn/Passes.h"
#include "runtime/base/Error.h"

#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using namespace mlir;

namespace gfs {
namespace {

class Export : public testing::Test {
protected:
  Export() {
    context.loadDialect<func::FuncDialect, nn::NnDialect>();
    context.disableMultithreading();
    path = std::filesystem::temp_directory_path() /
           ("gfs-export-" +
            std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".onnx");
  }
  ~Export() override { std::filesystem::remove(path); }

  static func::FuncOp mainOf(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

  OwningOpRef<ModuleOp> parse(const std::string &text) {
    auto module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    return module;
  }

  OwningOpRef<ModuleOp> readBack(const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    return importOnnx(path, {}, context);
  }

  static std::vector<std::vector<float>> evaluate(func::FuncOp function) {
    auto count = static_cast<size_t>(
        cast<RankedTensorType>(function.getArgument(0).getType()).getNumElements());
    std::vector<float> input(count);
    for (size_t i = 0; i < count; ++i)
      input[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)) * 2);
    std::span<const float> inputs[] = {input};
    return Evaluator(function).run(inputs);
  }

  void expectRoundTrip(const std::string &text) {
    auto module = parse(text);
    std::string bytes = exportOnnx(mainOf(*module), "test");
    auto again = readBack(bytes);
    ASSERT_TRUE(again);
    auto before = evaluate(mainOf(*module)), after = evaluate(mainOf(*again));
    ASSERT_EQ(before.size(), after.size());
    for (size_t k = 0; k < before.size(); ++k) {
      ASSERT_EQ(before[k].size(), after[k].size());
      for (size_t i = 0; i < before[k].size(); ++i)
        EXPECT_NEAR(before[k][i], after[k][i], 1e-5 * (1 + std::fabs(before[k][i])))
            << "output " << k << ", element " << i;
    }
  }

  MLIRContext context;
  std::filesystem::path path;
};

TEST_F(Export, KeepsLayersAndShapes) {
  expectRoundTrip(R"(
func.func @main(%x: tensor<1x2x6x6xf32> {nn.name = "image"}) -> (tensor<1x3xf32> {nn.name = "scores"}, tensor<1x2x6x6xf32>) {
  %w = nn.constant dense<[[[[0.5]]], [[[-1.0]]], [[[2.0]]], [[[0.25]]]]> : tensor<4x1x1x1xf32>
  %b = nn.constant dense<[0.5, -1.0, 0.0, 2.0]> : tensor<4xf32>
  %c = nn.conv2d %x, %w bias %b {groups = 2 : i64, strides = array<i64: 1, 2>, pads = array<i64: 1, 0, 0, 1>}
      : (tensor<1x2x6x6xf32>, tensor<4x1x1x1xf32>, tensor<4xf32>) -> tensor<1x4x7x4xf32>
  %v = nn.constant dense<[1.0, 2.0, 0.5, 3.0]> : tensor<4xf32>
  %n = nn.batch_norm %c, %b, %b, %b, %v {epsilon = 0.001 : f64} : tensor<1x4x7x4xf32>, tensor<4xf32>
  %r = nn.relu %n : tensor<1x4x7x4xf32>
  %m = nn.max_pool2d %r {kernel = array<i64: 3, 2>, strides = array<i64: 2, 2>, pads = array<i64: 1, 0, 1, 0>}
      : tensor<1x4x7x4xf32> -> tensor<1x4x4x2xf32>
  %a = nn.avg_pool2d %m {kernel = array<i64: 3, 2>, pads = array<i64: 1, 0, 1, 0>, count_include_pad = false}
      : tensor<1x4x4x2xf32> -> tensor<1x4x4x1xf32>
  %t = nn.take %a {axis = 2 : i64, indices = array<i64: 3, -1, 0>} : tensor<1x4x4x1xf32> -> tensor<1x4x3x1xf32>
  %p = nn.pad %t {low = array<i64: 0, 0, 1, 0>, high = array<i64: 0, 0, 0, 1>, value = 0.5 : f64}
      : tensor<1x4x3x1xf32> -> tensor<1x4x4x2xf32>
  %o = nn.transpose %p {permutation = array<i64: 0, 2, 3, 1>} : tensor<1x4x4x2xf32> -> tensor<1x4x2x4xf32>
  %f = nn.reshape %o : tensor<1x4x2x4xf32> -> tensor<1x32xf32>
  %z = nn.concat %f, %f {axis = 1 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x64xf32>
  %l = nn.constant dense<0.125> : tensor<3x64xf32>
  %y = nn.linear %z, %l : (tensor<1x64xf32>, tensor<3x64xf32>) -> tensor<1x3xf32>
  %s = nn.softmax %y {axis = 1 : i64} : tensor<1x3xf32>
  return %s, %x : tensor<1x3xf32>, tensor<1x2x6x6xf32>
})");
}

TEST_F(Export, KeepsFunctions) {
  for (const char *function :
       {"clip %x {parameters = array<f64: -1.0, 1.5>}",
        "hard_sigmoid %x {parameters = array<f64: 0.25, 0.5>}", "hard_swish %x",
        "thresholded_relu %x {parameters = array<f64: 0.5>}", "sigmoid %x", "tanh %x",
        "silu %x {parameters = array<f64: 1.5>}", "silu %x {parameters = array<f64: 1.0>}",
        "gelu %x", "gelu_tanh %x", "erf %x", "elu %x {parameters = array<f64: 0.5>}",
        "selu %x {parameters = array<f64: 1.5, 1.25>}", "celu %x {parameters = array<f64: 0.5>}",
        "softplus %x", "softsign %x", "mish %x", "exp %x"})
    expectRoundTrip(
        std::string(
            "func.func @main(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {\n  %y = nn.function ") +
        function + " : tensor<1x8xf32>\n  return %y : tensor<1x8xf32>\n}");
}

TEST_F(Export, MixedActivationsAreRecognisedAgain) {
  for (const char *relu : {"", "{relu = array<i1: false, true, false>}"}) {
    std::string text = std::string(R"(
func.func @main(%x: tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32> {
  %a = nn.constant dense<[0.5, 1.0, -0.25]> : tensor<3xf32>
  %b = nn.constant dense<[1.0, 2.0, 0.0]> : tensor<3xf32>
  %c = nn.constant dense<[0.0, 3.0, -1.0]> : tensor<3xf32>
  %y = nn.mixed_activation %x, %a, %b, %c )") +
                       relu + R"( : tensor<1x3x2x2xf32>, tensor<3xf32>
  return %y : tensor<1x3x2x2xf32>
})";
    expectRoundTrip(text);
    auto again = readBack(exportOnnx(mainOf(*parse(text)), "test"));
    PassManager passes(&context, func::FuncOp::getOperationName());
    passes.addPass(nn::createNnRecogniseQuadratics());
    ASSERT_TRUE(succeeded(passes.run(mainOf(*again))));
    size_t mixed = 0, arithmetic = 0;
    again->walk([&](Operation *op) {
      mixed += isa<nn::MixedActivationOp>(op);
      arithmetic += isa<nn::AddOp, nn::MulOp>(op);
    });
    EXPECT_EQ(mixed, 1u);
    EXPECT_EQ(arithmetic, 0u);
  }
}

TEST_F(Export, IsTheSameTwice) {
  const char *text = "func.func @main(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {\n"
                     "  %y = nn.square %x : tensor<1x2xf32>\n  return %y : tensor<1x2xf32>\n}";
  EXPECT_EQ(exportOnnx(mainOf(*parse(text)), "test"), exportOnnx(mainOf(*parse(text)), "test"));
}

TEST_F(Export, RefusesComputedCoefficients) {
  auto module =
      parse("func.func @main(%x: tensor<1x2xf32>, %a: tensor<2xf32>) -> tensor<1x2xf32> {\n"
            "  %y = nn.mixed_activation %x, %a, %a, %a : tensor<1x2xf32>, tensor<2xf32>\n"
            "  return %y : tensor<1x2xf32>\n}");
  try {
    exportOnnx(mainOf(*module), "test");
    FAIL() << "exported";
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Unsupported);
    EXPECT_NE(std::string(error.what()).find("coefficients that the network computes"),
              std::string::npos);
  }
}

} // namespace
} // namespace gfs
