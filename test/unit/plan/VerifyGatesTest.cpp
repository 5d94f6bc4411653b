// SPDX-License-Identifier: Apache-2.0
// Gate rules: kinds, shapes, parameters.
#include "test/unit/plan/PlanRefusal.h"

namespace gfs {
namespace {

using plan::Plan;
using plan::Step;
using plan::Value;

#define HAS(gate) [](const Step &step) { return step.has_##gate(); }

TEST(VerifyGatesTest, NothingButOpenMakesSharedValuesMasked) {
  auto makeResult = [](auto has, Value::Kind kind) {
    return [=](Plan &p) {
      p.mutable_values(static_cast<int>(stepWith(p, has).result()))->set_kind(kind);
    };
  };
  expectChangeRefused(makeResult(HAS(input), Value::MASKED), "expects its result to be shared");
  expectChangeRefused(makeResult(HAS(open), Value::SHARED), "expects its result to be masked");
  expectChangeRefused(makeResult(HAS(linear), Value::MASKED), "expects its result to be shared");
  for (auto has : {+HAS(relu), +HAS(truncate), +HAS(square), +HAS(multiply), +HAS(spline),
                   +HAS(unmask), +HAS(add), +HAS(sub), +HAS(scale), +HAS(add_weight), +HAS(concat),
                   +HAS(take), +HAS(transpose), +HAS(sum_pool)})
    expectChangeRefused(makeResult(has, Value::MASKED), "expects its result to be shared");
}

TEST(VerifyGatesTest, OpensKeepSomeBits) {
  auto drop = [](uint32_t bits) {
    return [=](Plan &p) { stepWith(p, HAS(open)).mutable_open()->set_dropped(bits); };
  };
  expectChangeRefused(drop(30), "expects to drop at most 29 bits, got 30");
  expectChangeRefused(drop(0xffffffff), "expects to drop at most 29 bits, got 4294967295");
}

TEST(VerifyGatesTest, OperandKindsAreFixed) {
  // Operand 0 of each step below is replaced by x, a shared value, or by opened x, a masked one.
  const uint32_t x = 0, opened = 2;
  auto replace = [](auto has, uint32_t value) {
    return [=](Plan &p) { stepWith(p, has).set_operands(0, value); };
  };
  for (auto has : {+HAS(linear), +HAS(relu), +HAS(truncate), +HAS(square), +HAS(multiply),
                   +HAS(spline), +HAS(unmask)})
    expectChangeRefused(replace(has, x), "expects its operand to be masked");
  expectChangeRefused(replace(HAS(add_weight), opened), "expects its operand to be shared");
  expectChangeRefused([&](Plan &p) { stepWith(p, HAS(open), 1).set_operands(0, opened); },
                      "expects its operand to be shared");
  expectChangeRefused(
      [&](Plan &p) {
        stepWith(p, HAS(output)).set_operands(0, opened);
        p.mutable_outputs(0)->set_value(opened);
      },
      "expects its operand to be shared");
  // Mixed kinds of a local gate.
  expectChangeRefused([&](Plan &p) { stepWith(p, HAS(add)).set_operands(1, opened); },
                      "expects its operand to be shared");
}

TEST(VerifyGatesTest, PublicWeightsGiveMaskedResults) {
  Plan plan = everyGatePlan(plan::WEIGHTS_PUBLIC);
  plan.mutable_values(static_cast<int>(stepWith(plan, HAS(linear)).result()))
      ->set_kind(Value::SHARED);
  expectRefused(plan, "expects its result to be masked");
}

TEST(VerifyGatesTest, RefusesWrongArity) {
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(open)).add_operands(0); },
                      "expects 1 operands, got 2");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(multiply)).mutable_operands()->RemoveLast(); },
                      "expects 2 operands, got 1");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(input)).add_operands(0); },
                      "which no earlier step makes");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(output)).clear_operands(); },
                      "expects 1 operands, got 0");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(concat)).clear_operands(); },
                      "expects an operand");
}

TEST(VerifyGatesTest, RefusesWrongElementCounts) {
  for (auto has : {+HAS(open), +HAS(relu), +HAS(truncate), +HAS(square), +HAS(multiply),
                   +HAS(spline), +HAS(unmask), +HAS(add), +HAS(sub), +HAS(scale)})
    expectChangeRefused(
        [&](Plan &p) {
          p.mutable_values(static_cast<int>(stepWith(p, has).result()))->set_shape(1, 3);
        },
        "expects 108 elements in operand 0, got 144");
  expectChangeRefused([](Plan &p) { p.mutable_weights(2)->set_elements(143); },
                      "expects 144 elements in its weight, got 143");
}

TEST(VerifyGatesTest, RefusesWrongGeometry) {
  auto change = [](auto set) {
    return [=](Plan &p) { set(*stepWith(p, HAS(linear)).mutable_linear()->mutable_conv()); };
  };
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(linear)).mutable_linear()->clear_conv(); },
                      "has no geometry");
  expectChangeRefused(change([](plan::Conv &c) { c.set_groups(0); }),
                      "groups do not divide its channels");
  expectChangeRefused(change([](plan::Conv &c) { c.set_groups(3); }),
                      "groups do not divide its channels");
  expectChangeRefused(change([](plan::Conv &c) { c.set_batch(0); }), "zero or too large");
  expectChangeRefused(change([](plan::Conv &c) {
                        c.set_batch(1u << 31);
                        c.set_in_h(1u << 31);
                        c.set_in_w(4);
                      }),
                      "zero or too large");
  expectChangeRefused(change([](plan::Conv &c) { c.set_in_w(7); }),
                      "expects 168 operand elements, got 144");
  expectChangeRefused(change([](plan::Conv &c) { c.set_out_w(7); }),
                      "expects 168 result elements, got 144");
  expectChangeRefused(change([](plan::Conv &c) { c.set_kernel_h(2); }),
                      "expects 96 elements in its weight, got 144");
  expectChangeRefused(change([](plan::Conv &c) { c.set_stride_h(0); }),
                      "zero stride, dilation or kernel");
  expectChangeRefused(change([](plan::Conv &c) { c.set_dilation_w(0); }),
                      "zero stride, dilation or kernel");
  expectChangeRefused(change([](plan::Conv &c) { c.set_stride_h(1u << 31); }),
                      "windows leave the range");
  expectChangeRefused(change([](plan::Conv &c) { c.set_dilation_h(~0u); }),
                      "windows leave the range");
  expectChangeRefused(change([](plan::Conv &c) { c.set_pad_top(~0u); }), "padding is too large");
  // Each direction is allowed; 2^64 bytes of padded operand would be none to who multiplies sizes.
  expectChangeRefused(change([](plan::Conv &c) {
                        c.set_dilation_h((1u << 29) - 1);
                        c.set_dilation_w((1u << 29) - 1);
                      }),
                      "its padded operand would be too large");
  expectChangeRefused(change([](plan::Conv &c) {
                        c.set_out_h(1u << 20);
                        c.set_kernel_h(1u << 20);
                        c.set_kernel_w(1u << 6);
                      }),
                      "takes too many multiplications");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(linear)).mutable_linear()->set_weight(9); },
                      "its weight 9 does not exist");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(linear)).mutable_linear()->set_bias(0); },
                      "expects 4 elements in its bias, got 144");
}

TEST(VerifyGatesTest, RefusesWrongShiftsAndWindows) {
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(relu)).mutable_relu()->set_shift(31); },
                      "expects a shift of at most 30, got 31");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(truncate)).mutable_truncate()->set_shift(31); },
                      "shift");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(square)).mutable_square()->set_shift(~0u); },
                      "shift");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(relu)).mutable_relu()->clear_window(); },
                      "has no sign window");
  auto window = [](unsigned low, unsigned high, int protocol) {
    return [=](Plan &p) {
      PlanBuilder::setWindow(*stepWith(p, HAS(relu)).mutable_relu()->mutable_window(), low, high,
                             static_cast<plan::SignWindow::Protocol>(protocol));
    };
  };
  expectChangeRefused(window(11, 11, 0),
                      "expects a sign window with low < high <= 30, got [11, 11)");
  expectChangeRefused(window(24, 31, 0),
                      "expects a sign window with low < high <= 30, got [24, 31)");
  expectChangeRefused(window(0, 10, 0), "expects a table window of at most 9 bits, got 10");
  expectChangeRefused(window(0, 7, 3), "unknown comparison protocol 3");
}

TEST(VerifyGatesTest, RefusesWrongSplines) {
  auto change = [](auto set) {
    return [=](Plan &p) { set(*stepWith(p, HAS(spline)).mutable_spline()); };
  };
  expectChangeRefused(change([](plan::Spline &s) { s.add_pieces(); }), "expects 3 pieces, got 4");
  expectChangeRefused(change([](plan::Spline &s) { s.set_thresholds(1, 0); }),
                      "thresholds do not ascend");
  expectChangeRefused(change([](plan::Spline &s) { s.set_thresholds(1, INT64_MAX); }),
                      "threshold 1 leaves the range");
  expectChangeRefused(change([](plan::Spline &s) { s.clear_thresholds(); }),
                      "expects 1 to 64 thresholds, got 0");
  expectChangeRefused(change([](plan::Spline &s) { s.clear_window(); }), "has no sign window");
}

TEST(VerifyGatesTest, RefusesWrongMatrixProducts) {
  PlanBuilder b(32);
  uint32_t x = b.open(b.input({2, 3, 4})), y = b.open(b.input({2, 4, 5}));
  uint32_t xy = b.step({x, y}, {2, 3, 5}, PlanBuilder::shared);
  plan::MatMul &product = *b.latest().mutable_mat_mul();
  product.set_count(2);
  product.set_rows(3);
  product.set_inner(4);
  product.set_columns(5);
  b.output(xy);
  const Plan valid = b.build();
  plan::verifyPlan(valid, "test.bin");
  auto expectRefusal = [&](auto change, const std::string &reason) {
    Plan changed = valid;
    change(*stepWith(changed, HAS(mat_mul)).mutable_mat_mul(), changed);
    expectRefused(changed, reason);
  };
  expectRefusal([](plan::MatMul &m, Plan &) { m.set_rows(2); },
                "expects 16 elements in operand 0, got 24");
  expectRefusal([](plan::MatMul &m, Plan &) { m.set_columns(4); },
                "expects 32 elements in operand 1, got 40");
  expectRefusal([](plan::MatMul &m, Plan &) { m.set_inner(0); },
                "its matrices are empty or too large");
  expectRefusal(
      [](plan::MatMul &m, Plan &) {
        m.set_count(~0u);
        m.set_rows(~0u);
      },
      "its matrices are empty or too large");
  auto valueOfResult = [](Plan &p) {
    return p.mutable_values(static_cast<int>(stepWith(p, HAS(mat_mul)).result()));
  };
  expectRefusal([&](plan::MatMul &, Plan &p) { valueOfResult(p)->set_shape(2, 4); },
                "expects 30 elements in its result, got 24");
  expectRefusal([&](plan::MatMul &, Plan &p) { valueOfResult(p)->set_kind(Value::MASKED); },
                "expects its result to be shared");
  expectRefusal([](plan::MatMul &, Plan &p) { stepWith(p, HAS(mat_mul)).set_operands(0, 0); },
                "expects its operand to be masked");
  expectRefusal(
      [](plan::MatMul &, Plan &p) { stepWith(p, HAS(mat_mul)).mutable_operands()->RemoveLast(); },
      "expects 2 operands, got 1");
}

TEST(VerifyGatesTest, RefusesWrongMoves) {
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(take)).mutable_take()->set_axis(4); },
                      "axis 4 does not exist");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(take)).mutable_take()->set_indices(2, 20); },
                      "index 20 is not in [-1, 20)");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(take)).mutable_take()->set_indices(2, -2); },
                      "index -2 is not in [-1, 20)");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(take)).mutable_take()->add_indices(0); },
                      "expects a result of shape 1x4x6x6, got 1x3x6x6");
  expectChangeRefused(
      [](Plan &p) { stepWith(p, HAS(transpose)).mutable_transpose()->set_permutation(0, 1); },
      "its axes are no permutation");
  expectChangeRefused(
      [](Plan &p) { stepWith(p, HAS(transpose)).mutable_transpose()->add_permutation(4); },
      "expects a permutation of 4 axes, got 5");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(concat)).mutable_concat()->set_axis(2); },
                      "expects a result of shape 1x4x30x6, got 1x20x6x6");
  expectChangeRefused([](Plan &p) { stepWith(p, HAS(concat)).mutable_concat()->set_axis(4); },
                      "axis 4 does not exist");
  expectChangeRefused(
      [](Plan &p) {
        plan::SumPool &pool = *stepWith(p, HAS(sum_pool)).mutable_sum_pool();
        pool.set_kernel_h(1u << 20);
        pool.set_kernel_w(1u << 20);
      },
      "takes too many additions");
  expectChangeRefused(
      [](Plan &p) { stepWith(p, HAS(sum_pool)).mutable_sum_pool()->set_stride_w(0); },
      "zero stride, dilation or kernel");
  expectChangeRefused(
      [](Plan &p) {
        p.mutable_values(static_cast<int>(stepWith(p, HAS(sum_pool)).result()))->set_shape(1, 19);
      },
      "expects NCHW values of one batch and channel count");
}

} // namespace
} // namespace gfs
