// SPDX-License-Identifier: Apache-2.0
// Linear and AddWeight in every weight mode, against convolution by its definition.
#include "test/unit/gates/GateTest.h"

namespace gfs {
namespace {

struct LinearGatesTest : GateTest {
  /// Bias included; all arithmetic mod 2^64, reduced at the end.
  Values plainConv(const plan::Conv &c, const Values &x, const Values &w, const Values &b) const {
    Values out;
    const uint32_t perGroup = c.in_channels() / c.groups();
    for (uint32_t n = 0; n < c.batch(); ++n)
      for (uint32_t oc = 0; oc < c.out_channels(); ++oc)
        for (uint32_t oh = 0; oh < c.out_h(); ++oh)
          for (uint32_t ow = 0; ow < c.out_w(); ++ow) {
            uint64_t sum = b.empty() ? 0 : static_cast<uint64_t>(b[oc]);
            for (uint32_t ic = 0; ic < perGroup; ++ic)
              for (uint32_t kh = 0; kh < c.kernel_h(); ++kh)
                for (uint32_t kw = 0; kw < c.kernel_w(); ++kw) {
                  int64_t ih =
                      int64_t(oh) * c.stride_h() + int64_t(kh) * c.dilation_h() - c.pad_top();
                  int64_t iw =
                      int64_t(ow) * c.stride_w() + int64_t(kw) * c.dilation_w() - c.pad_left();
                  if (ih < 0 || iw < 0 || ih >= c.in_h() || iw >= c.in_w())
                    continue;
                  uint64_t channel = oc / (c.out_channels() / c.groups()) * perGroup + ic;
                  uint64_t at =
                      ((n * c.in_channels() + channel) * c.in_h() + static_cast<uint64_t>(ih)) *
                          c.in_w() +
                      static_cast<uint64_t>(iw);
                  uint64_t weight =
                      ((uint64_t(oc) * perGroup + ic) * c.kernel_h() + kh) * c.kernel_w() + kw;
                  sum += static_cast<uint64_t>(x[at]) * static_cast<uint64_t>(w[weight]);
                }
            out.push_back(reduce(sum));
          }
    return out;
  }

  static size_t inputs(const plan::Conv &c) {
    return size_t(c.batch()) * c.in_channels() * c.in_h() * c.in_w();
  }
  static size_t weights(const plan::Conv &c) {
    return size_t(c.out_channels()) * (c.in_channels() / c.groups()) * c.kernel_h() * c.kernel_w();
  }

  void testMode(plan::WeightMode mode) {
    for (const plan::Conv &conv : {makeConv(1, 3, 7, 5, 3, 1, 1), makeConv(2, 4, 6, 4, 3, 2, 1, 4),
                                   makeConv(3, 20, 1, 9), makeConv(1, 4, 5, 6, 2, 1, 0, 2)})
      for (bool bias : {false, true}) {
        PlanBuilder builder(bits(), mode);
        uint32_t x = builder.open(builder.input({inputs(conv)}));
        uint32_t z = builder.linear(x, conv, bias);
        if (mode == plan::WEIGHTS_PUBLIC) {
          // The masked result serves a gate directly, and an unmask.
          builder.output(builder.relu(z, 3, 2, 9, plan::SignWindow::TABLE));
          z = builder.step({z}, builder.shapeOf(z), PlanBuilder::shared);
          builder.latest().mutable_unmask();
        }
        builder.output(z);
        std::vector<Values> parameters = {fixedValues(weights(conv), bits() - 1, 1)};
        if (bias)
          parameters.push_back(fixedValues(conv.out_channels(), bits() - 1, 2));
        Values in = wholeRing(inputs(conv));
        auto outputs = runPlan(builder.build(), parameters, {in}, kernels());
        ASSERT_EQ(outputs.back(),
                  plainConv(conv, in, parameters[0], bias ? parameters[1] : Values()));
      }
  }
};

TEST_P(LinearGatesTest, SharedWeights) { testMode(plan::WEIGHTS_SHARED); }
TEST_P(LinearGatesTest, ServerWeights) { testMode(plan::WEIGHTS_SERVER); }
TEST_P(LinearGatesTest, PublicWeights) { testMode(plan::WEIGHTS_PUBLIC); }

TEST_P(LinearGatesTest, AddWeightInEveryMode) {
  for (plan::WeightMode mode : {plan::WEIGHTS_SHARED, plan::WEIGHTS_SERVER, plan::WEIGHTS_PUBLIC}) {
    PlanBuilder builder(bits(), mode);
    uint32_t x = builder.input({90});
    uint32_t y = builder.step({x}, {90}, PlanBuilder::shared);
    builder.latest().mutable_add_weight()->set_weight(builder.weight(90));
    builder.output(y);
    Values a = wholeRing(90), w = fixedValues(90, bits() - 1, 3);
    Values sum = runPlan(builder.build(), {w}, {a}, kernels())[0];
    for (size_t i = 0; i < a.size(); ++i)
      ASSERT_EQ(sum[i], reduce(static_cast<uint64_t>(a[i]) + static_cast<uint64_t>(w[i])));
  }
}

INSTANTIATE_TEST_SUITE_P(All, LinearGatesTest, everyKernelAndRing(), kernelAndRing);
INSTANTIATE_TEST_SUITE_P(EmulatedCuda, LinearGatesTest, emulatedCudaAndRing(), kernelAndRing);

TEST(LinearCostTest, HiddenWeightsDealOneWordPerOutput) {
  PlanBuilder builder(27);
  builder.output(
      builder.linear(builder.open(builder.input({3 * 49})), makeConv(1, 3, 7, 5, 3, 1, 1), true));
  Cost cost = makeGate(builder.build(), 2)->cost();
  EXPECT_EQ(cost.dealtBytes[0] + cost.dealtBytes[1], packedBytes(5 * 49, 27));
  EXPECT_EQ(std::min(cost.dealtBytes[0], cost.dealtBytes[1]), 0u); // one array, to one server
  EXPECT_EQ(cost.multiplications, 5u * 49 * 27);
}

} // namespace
} // namespace gfs
