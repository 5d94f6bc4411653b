// SPDX-License-Identifier: Apache-2.0
// MatMul.
#include "test/unit/gates/GateTest.h"

namespace gfs {
namespace {

struct Shape {
  uint32_t count, rows, inner, columns;
};

struct MatMulGateTest : GateTest {
  plan::Plan planOf(Shape s) const {
    PlanBuilder builder(bits());
    uint32_t x = builder.open(builder.input({s.count, s.rows, s.inner})),
             y = builder.open(builder.input({s.count, s.inner, s.columns}));
    builder.output(multiply(builder, x, y, s));
    return builder.build();
  }
  static uint32_t multiply(PlanBuilder &builder, uint32_t x, uint32_t y, Shape s) {
    uint32_t xy = builder.step({x, y}, {s.count, s.rows, s.columns}, PlanBuilder::shared);
    plan::MatMul &product = *builder.latest().mutable_mat_mul();
    product.set_count(s.count);
    product.set_rows(s.rows);
    product.set_inner(s.inner);
    product.set_columns(s.columns);
    return xy;
  }

  Values expected(const Values &x, const Values &y, Shape s) const {
    Values result;
    for (size_t g = 0; g < s.count; ++g)
      for (size_t m = 0; m < s.rows; ++m)
        for (size_t n = 0; n < s.columns; ++n) {
          uint64_t sum = 0;
          for (size_t k = 0; k < s.inner; ++k)
            sum += static_cast<uint64_t>(x[(g * s.rows + m) * s.inner + k]) *
                   static_cast<uint64_t>(y[(g * s.inner + k) * s.columns + n]);
          result.push_back(reduce(sum));
        }
    return result;
  }
};

TEST_P(MatMulGateTest, ProductsOfTwoMaskedMatrices) {
  // One element, vectors on either side, odd sizes, more rows than a unit has, units across matrices.
  for (Shape s : {Shape{1, 1, 1, 1}, Shape{1, 1, 37, 5}, Shape{1, 5, 37, 1}, Shape{3, 7, 5, 11},
                  Shape{1, 101, 33, 17}, Shape{5, 29, 3, 35}, Shape{2, 64, 32, 49}}) {
    SCOPED_TRACE(fmt::format("{} of {}x{}x{}", s.count, s.rows, s.inner, s.columns));
    const Values x = wholeRing(size_t(s.count) * s.rows * s.inner);
    Values y = wholeRing(size_t(s.count) * s.inner * s.columns);
    std::ranges::reverse(y);
    EXPECT_EQ(runPlan(planOf(s), {}, {x, y}, kernels())[0], expected(x, y, s));
  }
}

TEST_P(MatMulGateTest, AllBitsSet) {
  const Shape s{2, 50, 70, 19};
  const Values x(size_t(s.count) * s.rows * s.inner, -1),
      y(size_t(s.count) * s.inner * s.columns, -1);
  EXPECT_EQ(runPlan(planOf(s), {}, {x, y}, kernels())[0], expected(x, y, s));
}

TEST_P(MatMulGateTest, AValueTimesItself) {
  const Shape s{2, 9, 9, 9};
  PlanBuilder builder(bits());
  uint32_t x = builder.open(builder.input({s.count, s.rows, s.inner}));
  builder.output(multiply(builder, x, x, s));
  const Values values = wholeRing(size_t(s.count) * s.rows * s.inner);
  EXPECT_EQ(runPlan(builder.build(), {}, {values}, kernels())[0], expected(values, values, s));
}

INSTANTIATE_TEST_SUITE_P(All, MatMulGateTest, everyKernelAndRing(), kernelAndRing);
INSTANTIATE_TEST_SUITE_P(EmulatedCuda, MatMulGateTest, emulatedCudaAndRing(), kernelAndRing);

TEST(MatMulCostTest, DealsOneWordForEachElementOfTheResult) {
  PlanBuilder builder(32);
  uint32_t x = builder.open(builder.input({3, 8, 16})),
           y = builder.open(builder.input({3, 16, 20}));
  builder.output(MatMulGateTest::multiply(builder, x, y, {3, 8, 16, 20}));
  const plan::Plan plan = builder.build();
  const Cost cost = makeGate(plan, 4)->cost();
  EXPECT_EQ(cost.dealtBytes[0] + cost.dealtBytes[1], 3 * 8 * 20 * 4);
  EXPECT_EQ(cost.multiplications, 2 * 3 * 8 * 16 * 20);
  EXPECT_TRUE(cost.messageBytes.empty());
}

} // namespace
} // namespace gfs
