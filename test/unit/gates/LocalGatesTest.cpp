// SPDX-License-Identifier: Apache-2.0
// Local gates, on shared and on masked values.
#include "test/unit/gates/GateTest.h"

namespace gfs {
namespace {

struct LocalGatesTest : GateTest {
  using Shape = PlanBuilder::Shape;
  /// Runs one gate on shares and, opened before and unmasked after, on masked values; both must
  /// give the same.
  Values run(const std::vector<Shape> &from, const Shape &to, const std::vector<Values> &inputs,
             const std::function<void(plan::Step &)> &setGate) {
    PlanBuilder builder(bits());
    std::vector<uint32_t> shares, opened;
    for (const Shape &shape : from) {
      shares.push_back(builder.input(shape));
      opened.push_back(builder.open(shares.back()));
    }
    uint32_t onShares = builder.step(shares, to, PlanBuilder::shared);
    setGate(builder.latest());
    builder.output(onShares);
    uint32_t onMasked = builder.step(opened, to, PlanBuilder::masked);
    setGate(builder.latest());
    uint32_t unmasked = builder.step({onMasked}, to, PlanBuilder::shared);
    builder.latest().mutable_unmask();
    builder.output(unmasked);
    auto outputs = runPlan(builder.build(), {}, inputs, kernels());
    EXPECT_EQ(outputs[0], outputs[1]);
    return outputs[0];
  }
  Values numbers(size_t count) const {
    Values values;
    for (size_t i = 0; i < count; ++i)
      values.push_back(static_cast<int64_t>(i) + 1);
    return values;
  }
};

TEST_P(LocalGatesTest, AddSubScale) {
  Values a = wholeRing(150), b = a, sum, difference, scaled;
  std::reverse(b.begin(), b.end());
  for (size_t i = 0; i < a.size(); ++i) {
    auto x = static_cast<uint64_t>(a[i]), y = static_cast<uint64_t>(b[i]);
    sum.push_back(reduce(x + y));
    difference.push_back(reduce(x - y));
    scaled.push_back(reduce(x * static_cast<uint64_t>(-3)));
  }
  EXPECT_EQ(run({{150}, {150}}, {150}, {a, b}, [](plan::Step &step) { step.mutable_add(); }), sum);
  EXPECT_EQ(run({{150}, {150}}, {150}, {a, b}, [](plan::Step &step) { step.mutable_sub(); }),
            difference);
  EXPECT_EQ(
      run({{10, 15}}, {150}, {a}, [](plan::Step &step) { step.mutable_scale()->set_factor(-3); }),
      scaled);
}

TEST_P(LocalGatesTest, TakeRepeatsReordersAndFills) {
  Values y = run({{2, 3, 2}}, {2, 4, 2}, {numbers(12)}, [](plan::Step &step) {
    step.mutable_take()->set_axis(1);
    for (int index : {2, -1, 0, 0})
      step.mutable_take()->add_indices(index);
  });
  EXPECT_EQ(y, (Values{5, 6, 0, 0, 1, 2, 1, 2, 11, 12, 0, 0, 7, 8, 7, 8}));
}

TEST_P(LocalGatesTest, TransposeThreeAxes) {
  Values y = run({{2, 3, 4}}, {4, 2, 3}, {numbers(24)}, [](plan::Step &step) {
    for (uint32_t axis : {2u, 0u, 1u})
      step.mutable_transpose()->add_permutation(axis);
  });
  Values expected;
  for (int64_t k = 0; k < 4; ++k)
    for (int64_t i = 0; i < 2; ++i)
      for (int64_t j = 0; j < 3; ++j)
        expected.push_back(i * 12 + j * 4 + k + 1);
  EXPECT_EQ(y, expected);
}

TEST_P(LocalGatesTest, ConcatAlongTheMiddle) {
  Values y =
      run({{2, 1, 2}, {2, 2, 2}}, {2, 3, 2}, {{1, 2, 3, 4}, {10, 11, 12, 13, 14, 15, 16, 17}},
          [](plan::Step &step) { step.mutable_concat()->set_axis(1); });
  EXPECT_EQ(y, (Values{1, 2, 10, 11, 12, 13, 3, 4, 14, 15, 16, 17}));
}

TEST_P(LocalGatesTest, SumPoolPadsStridesAndDilates) {
  struct Case {
    uint32_t in, out, kernel, stride, dilation, pad;
  };
  for (const Case &c : {Case{6, 3, 2, 2, 1, 0}, Case{5, 5, 3, 1, 1, 1}, Case{7, 3, 3, 2, 2, 1},
                        Case{4, 1, 4, 1, 1, 0}, Case{3, 4, 2, 2, 1, 2}, Case{1, 2, 5, 3, 1, 4}}) {
    const uint64_t planes = 6;
    Values x = fixedValues(planes * c.in * c.in, 10, c.in);
    Values y = run({{2, 3, c.in, c.in}}, {2, 3, c.out, c.out}, {x}, [&](plan::Step &step) {
      plan::SumPool &pool = *step.mutable_sum_pool();
      pool.set_kernel_h(c.kernel);
      pool.set_kernel_w(c.kernel);
      pool.set_stride_h(c.stride);
      pool.set_stride_w(c.stride);
      pool.set_dilation_h(c.dilation);
      pool.set_dilation_w(c.dilation);
      pool.set_pad_top(c.pad);
      pool.set_pad_left(c.pad);
    });
    Values expected;
    for (uint64_t plane = 0; plane < planes; ++plane)
      for (int64_t oh = 0; oh < c.out; ++oh)
        for (int64_t ow = 0; ow < c.out; ++ow) {
          int64_t sum = 0;
          for (int64_t kh = 0; kh < c.kernel; ++kh)
            for (int64_t kw = 0; kw < c.kernel; ++kw) {
              int64_t ih = oh * c.stride + kh * c.dilation - c.pad,
                      iw = ow * c.stride + kw * c.dilation - c.pad;
              if (ih >= 0 && iw >= 0 && ih < c.in && iw < c.in)
                sum += x[(plane * c.in + static_cast<uint64_t>(ih)) * c.in +
                         static_cast<uint64_t>(iw)];
            }
          expected.push_back(reduce(static_cast<uint64_t>(sum)));
        }
    EXPECT_EQ(y, expected) << c.in << " to " << c.out;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LocalGatesTest, everyKernelAndRing(), kernelAndRing);
INSTANTIATE_TEST_SUITE_P(EmulatedCuda, LocalGatesTest, emulatedCudaAndRing(), kernelAndRing);

} // namespace
} // namespace gfs
