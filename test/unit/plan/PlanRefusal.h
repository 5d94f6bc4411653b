// SPDX-License-Identifier: Apache-2.0
// Tests that a changed plan is refused, and for the right reason.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/plan/PlanBuilder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gfs {

/// Every kind of gate that has a form for a GPU, several exchanges, two inputs and two outputs; valid.
inline plan::Plan everyGatePlan(plan::WeightMode mode = plan::WEIGHTS_SHARED, uint32_t channels = 4,
                                uint32_t size = 6) {
  using plan::SignWindow;
  constexpr auto shared = PlanBuilder::shared;
  PlanBuilder b(32, mode);
  uint32_t x = b.input({1, channels, size, size}, 8), y = b.input({1, channels, size, size}, 8);
  uint32_t z = b.linear(b.open(x), makeConv(1, channels, size, channels, 3, 1, 1), true);
  if (mode != plan::WEIGHTS_PUBLIC)
    z = b.open(z);
  uint32_t relu = b.relu(z, 8, 4, 11, SignWindow::TABLE);
  uint32_t exact = b.relu(z, 8, 0, 30, SignWindow::ONE_HOT);
  uint32_t keyed = b.relu(z, 8, 4, 20, SignWindow::DCF);
  uint32_t sum = b.step({relu, exact}, b.shapeOf(relu), shared);
  b.latest().mutable_add();
  sum = b.step({sum, keyed}, b.shapeOf(sum), shared);
  b.latest().mutable_sub();
  uint32_t truncated = b.step({z}, b.shapeOf(z), shared);
  b.latest().mutable_truncate()->set_shift(8);
  uint32_t squared = b.step({z}, b.shapeOf(z), shared);
  b.latest().mutable_square()->set_shift(8);
  uint32_t product = b.step({b.open(sum), b.open(y)}, b.shapeOf(y), shared);
  b.latest().mutable_multiply();
  uint32_t spline = b.step({z}, b.shapeOf(z), shared);
  plan::Spline *pieces = b.latest().mutable_spline();
  pieces->set_shift(8);
  PlanBuilder::setWindow(*pieces->mutable_window(), 4, 11, SignWindow::TABLE);
  pieces->add_thresholds(0);
  pieces->add_thresholds(600);
  for (int piece = 0; piece < 3; ++piece)
    pieces->add_pieces()->set_c1(piece % 2);
  uint32_t unmasked = b.step({z}, b.shapeOf(z), shared);
  b.latest().mutable_unmask();
  uint32_t scaled = b.step({unmasked}, b.shapeOf(z), shared);
  b.latest().mutable_scale()->set_factor(3);
  uint32_t weighted = b.step({scaled}, b.shapeOf(z), shared);
  b.latest().mutable_add_weight()->set_weight(b.weight(uint64_t(channels) * size * size));
  uint32_t joined = b.step({truncated, squared, product, spline, weighted},
                           {1, 5 * channels, size, size}, shared);
  b.latest().mutable_concat()->set_axis(1);
  uint32_t taken = b.step({joined}, {1, 3, size, size}, shared);
  b.latest().mutable_take()->set_axis(1);
  for (int index : {0, -1, 19})
    b.latest().mutable_take()->add_indices(index);
  uint32_t turned = b.step({taken}, {1, size, size, 3}, shared);
  b.latest().mutable_transpose();
  for (uint32_t axis : {0u, 2u, 3u, 1u})
    b.latest().mutable_transpose()->add_permutation(axis);
  uint32_t pooled = b.step({joined}, {1, 5 * channels, size / 2, size / 2}, shared);
  plan::SumPool *pool = b.latest().mutable_sum_pool();
  pool->set_kernel_h(2);
  pool->set_kernel_w(2);
  pool->set_stride_h(2);
  pool->set_stride_w(2);
  pool->set_dilation_h(1);
  pool->set_dilation_w(1);
  b.output(turned);
  b.output(pooled, plan::Port::SOFTMAX);
  return b.build();
}

/// The first step with the gate that `has` finds.
template <class Has> plan::Step &stepWith(plan::Plan &plan, Has &&has, int skip = 0) {
  for (plan::Step &step : *plan.mutable_steps())
    if (has(step) && skip-- == 0)
      return step;
  throw std::logic_error("the test plan has no such step");
}

/// Refused as InvalidInput, with `reason` in the message.
inline void expectRefused(const plan::Plan &plan, const std::string &reason) {
  try {
    plan::verifyPlan(plan, "test.bin");
    ADD_FAILURE() << "accepted, expected: " << reason;
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::InvalidInput);
    EXPECT_THAT(error.what(), testing::StartsWith("test.bin: "));
    EXPECT_THAT(error.what(), testing::HasSubstr(reason));
    EXPECT_FALSE(error.hint().empty());
  }
}

/// The same after `change`, from the valid plan.
template <class Change> void expectChangeRefused(Change &&change, const std::string &reason) {
  plan::Plan plan = everyGatePlan();
  change(plan);
  expectRefused(plan, reason);
}

} // namespace gfs
