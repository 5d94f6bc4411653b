// SPDX-License-Identifier: Apache-2.0
// Whole-plan rules: header, values, data flow, ports, schedule, memory.
#include "test/unit/plan/PlanRefusal.h"

namespace gfs {
namespace {

using plan::Plan;

TEST(VerifyTest, AcceptsEveryGateInEveryWeightMode) {
  for (auto mode : {plan::WEIGHTS_SHARED, plan::WEIGHTS_SERVER, plan::WEIGHTS_PUBLIC})
    EXPECT_NO_THROW(plan::verifyPlan(everyGatePlan(mode), "test.bin"));
}

TEST(VerifyTest, RefusesWrongHeaders) {
  expectChangeRefused([](Plan &p) { p.set_format(1); }, "plan format 1 is not 2");
  expectChangeRefused([](Plan &p) { p.set_ring_bits(15); },
                      "expects a ring of 16 to 64 bits, got 15");
  expectChangeRefused([](Plan &p) { p.set_ring_bits(65); },
                      "expects a ring of 16 to 64 bits, got 65");
  expectChangeRefused([](Plan &p) { p.set_weight_mode(static_cast<plan::WeightMode>(3)); },
                      "unknown weight mode 3");
}

TEST(VerifyTest, RefusesPlansWithoutOutput) {
  PlanBuilder b(32);
  expectRefused(b.build(), "the plan has no output");
}

TEST(VerifyTest, NamesStepsByNumberAndName) {
  expectChangeRefused([](Plan &p) { p.mutable_steps(2)->clear_open(); },
                      "test.bin: step 2 (no gate): has no gate");
  expectChangeRefused(
      [](Plan &p) {
        p.mutable_steps(2)->clear_open();
        p.mutable_steps(2)->set_name("conv1");
      },
      "test.bin: step 2, conv1 (no gate): has no gate");
}

TEST(VerifyTest, RefusesWrongValues) {
  expectChangeRefused([](Plan &p) { p.mutable_values(2)->set_shape(0, 0); },
                      "value 2: its element count is zero");
  expectChangeRefused([](Plan &p) { p.mutable_values(2)->set_shape(0, uint64_t(1) << 40); },
                      "value 2: its element count is zero or exceeds 2^31");
  expectChangeRefused(
      [](Plan &p) {
        for (int d = 0; d < 4; ++d) // 2^80 wraps to 0 in 64 bits
          p.mutable_values(2)->set_shape(d, 1 << 20);
      },
      "exceeds 2^31");
  expectChangeRefused([](Plan &p) { p.mutable_values(2)->mutable_shape()->Resize(9, 1); },
                      "at most 8 dimensions");
  expectChangeRefused(
      [](Plan &p) { p.mutable_values(2)->set_kind(static_cast<plan::Value::Kind>(2)); },
      "value 2: unknown kind 2");
  expectChangeRefused([](Plan &p) { p.mutable_values(2)->set_scale(1000); }, "expects a scale");
  expectChangeRefused([](Plan &p) { p.mutable_values(2)->set_offset(p.arena_words() - 1); },
                      "outside the arena");
  expectChangeRefused([](Plan &p) { p.mutable_values(2)->set_offset(~uint64_t(0)); },
                      "outside the arena");
  expectChangeRefused([](Plan &p) { p.set_arena_words(uint64_t(1) << 50); },
                      "larger than all values together");
}

TEST(VerifyTest, RefusesWrongWeights) {
  expectChangeRefused([](Plan &p) { p.mutable_weights(0)->set_elements(0); },
                      "weight 0: expects 1 to 2^31 elements");
  expectChangeRefused([](Plan &p) { p.mutable_weights(0)->set_scale(-300); },
                      "weight 0: expects a scale");
}

TEST(VerifyTest, RefusesWrongDataFlow) {
  expectChangeRefused([](Plan &p) { p.mutable_steps(2)->clear_open(); }, "has no gate");
  expectChangeRefused([](Plan &p) { p.mutable_steps(2)->set_operands(0, 1000); },
                      "reads value 1000, which no earlier step makes");
  expectChangeRefused([](Plan &p) { p.mutable_steps(2)->set_operands(0, 5); },
                      "which no earlier step makes");
  expectChangeRefused([](Plan &p) { p.mutable_steps(2)->set_result(1000); },
                      "which does not exist");
  expectChangeRefused([](Plan &p) { p.mutable_steps(2)->set_result(0); },
                      "makes value 0 a second time");
  expectChangeRefused(
      [](Plan &p) {
        *p.add_values() = p.values(0);
        p.set_arena_words(p.arena_words() + 144);
      },
      "no step makes value");
}

TEST(VerifyTest, RefusesWrongPorts) {
  expectChangeRefused([](Plan &p) { p.mutable_steps(0)->mutable_input()->set_port(7); },
                      "names input 7");
  expectChangeRefused([](Plan &p) { p.mutable_steps(0)->mutable_input()->set_port(1); },
                      "input 1 has another value");
  expectChangeRefused([](Plan &p) { *p.add_inputs() = p.inputs(0); },
                      "input 2: expects one step that uses it, got 0");
  expectChangeRefused([](Plan &p) { p.mutable_inputs(1)->set_name("in0"); }, "empty or used twice");
  expectChangeRefused([](Plan &p) { p.mutable_outputs(1)->clear_name(); }, "empty or used twice");
  expectChangeRefused([](Plan &p) { p.mutable_outputs(1)->set_value(0); },
                      "output 1 has another value");
  expectChangeRefused(
      [](Plan &p) {
        p.mutable_outputs(0)->set_post_process(static_cast<plan::Port::PostProcess>(99));
      },
      "unknown post-processing 99");
  expectChangeRefused([](Plan &p) { p.mutable_inputs(0)->set_post_process(plan::Port::ARGMAX); },
                      "an input has no post-processing");
  auto select = [](uint32_t axis, uint32_t count) {
    return [=](Plan &p) {
      plan::Port &port = *p.mutable_outputs(0);
      port.set_post_process(plan::Port::TOP_VALUES);
      port.set_post_axis(axis);
      port.set_post_count(count);
    };
  };
  expectChangeRefused(select(9, 1), "post-processing needs an axis");
  expectChangeRefused(select(0, 0), "cannot select 0 elements of its axis");
  expectChangeRefused(select(0, 1000000), "cannot select 1000000 elements of its axis");
  auto shaped = [](plan::Port::PostProcess post, std::vector<uint64_t> shape) {
    return [=](Plan &p) {
      plan::Port &port = *p.mutable_outputs(0);
      port.set_post_process(post);
      port.mutable_shape()->Add(shape.begin(), shape.end());
    };
  };
  expectChangeRefused(shaped(plan::Port::NONE, {1}), "only what is processed is reshaped");
  expectChangeRefused(shaped(plan::Port::SOFTMAX, {1000000}), "its shape has other than");
  expectChangeRefused(shaped(plan::Port::SOFTMAX, {uint64_t(1) << 33, uint64_t(1) << 33}),
                      "its shape has other than");
  expectChangeRefused(shaped(plan::Port::SOFTMAX, {0}), "its shape has other than");
}

int findRun(const Plan &plan, uint32_t step, uint32_t phase) {
  for (int i = 0; i < plan.schedule_size(); ++i)
    if (plan.schedule(i).has_run() && plan.schedule(i).run().step() == step &&
        plan.schedule(i).run().phase() == phase)
      return i;
  return -1;
}

TEST(VerifyTest, RefusesWrongSchedules) {
  expectChangeRefused([](Plan &p) { p.clear_schedule(); }, "the schedule runs 0 of its 1 phases");
  expectChangeRefused([](Plan &p) { p.add_schedule(); }, "is empty");
  expectChangeRefused([](Plan &p) { p.add_schedule()->mutable_run()->set_step(1 << 20); },
                      "does not exist");
  expectChangeRefused([](Plan &p) { p.add_schedule()->mutable_exchange(); },
                      "exchange without a message");
  expectChangeRefused([](Plan &p) { *p.add_schedule() = p.schedule(0); },
                      "runs phase 0 where phase 1 of 1 is next");
  expectChangeRefused(
      [](Plan &p) { p.mutable_schedule(findRun(p, 2, 1))->mutable_run()->set_phase(0); },
      "runs phase 0 where phase 1 of 2 is next");
  expectChangeRefused(
      [](Plan &p) { p.mutable_schedule(findRun(p, 2, 1))->mutable_run()->set_phase(5); },
      "runs phase 5 where phase 1 of 2 is next");
  // Linear before the operand's exchange; Open's phases without one between them.
  expectChangeRefused([](Plan &p) { p.mutable_schedule()->SwapElements(findRun(p, 3, 0), 0); },
                      "is complete");
  expectChangeRefused(
      [](Plan &p) {
        int open = findRun(p, 2, 1);
        int exchange = open;
        while (!p.schedule(exchange).has_exchange())
          --exchange;
        p.mutable_schedule()->SwapElements(exchange, open);
      },
      "without an exchange before it");
}

TEST(VerifyTest, RefusesOverlapOfLivingValuesOnly) {
  // x -> open -> truncate -> out: the truncated value may take the place of x, but not of its own
  // operand.
  PlanBuilder b(32);
  uint32_t x = b.input({16}), opened = b.open(x), y = b.step({opened}, {16}, PlanBuilder::shared);
  b.latest().mutable_truncate()->set_shift(4);
  b.output(y);
  Plan plan = b.build();
  plan.mutable_values(static_cast<int>(y))->set_offset(plan.values(static_cast<int>(x)).offset());
  EXPECT_NO_THROW(plan::verifyPlan(plan, "test.bin"));
  for (uint64_t offset : {16u, 1u, 15u, 31u}) {
    plan.mutable_values(static_cast<int>(y))->set_offset(offset);
    expectRefused(plan, "overlap while both are in use");
  }
  plan.mutable_values(static_cast<int>(y))->set_offset(32);
  plan.mutable_values(static_cast<int>(opened))
      ->set_offset(plan.values(static_cast<int>(x)).offset());
  expectRefused(plan, "overlap while both are in use");
}

} // namespace
} // namespace gfs
