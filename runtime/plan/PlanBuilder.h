// SPDX-License-Identifier: Apache-2.0
// Builds small plans for tests and benchmarks: one call per step, values without shared memory,
// phases as early as operands allow, so that independent steps share exchanges.
#pragma once

#include "runtime/plan/Plan.h"

#include <algorithm>
#include <vector>

namespace gfs {

class PlanBuilder {
public:
  using Shape = std::vector<uint64_t>;
  static constexpr auto shared = plan::Value::SHARED;
  static constexpr auto masked = plan::Value::MASKED;

  explicit PlanBuilder(unsigned ringBits, plan::WeightMode mode = plan::WEIGHTS_SHARED) {
    plan.set_format(plan::formatVersion);
    plan.set_compiler("test");
    plan.set_model("test");
    plan.set_ring_bits(ringBits);
    plan.set_weight_mode(mode);
  }

  /// A step with its result; fill the gate in through the returned step (latest()).
  uint32_t step(const std::vector<uint32_t> &operands, const Shape &shape, plan::Value::Kind kind,
                int scale = 0) {
    plan::Value *value = plan.add_values();
    value->mutable_shape()->Add(shape.begin(), shape.end());
    value->set_kind(kind);
    value->set_scale(scale);
    value->set_offset(plan.arena_words());
    plan.set_arena_words(plan.arena_words() + plan::elements(*value));
    auto id = static_cast<uint32_t>(plan.values_size() - 1);
    plan::Step *step = plan.add_steps();
    step->mutable_operands()->Add(operands.begin(), operands.end());
    step->set_result(id);
    return id;
  }
  plan::Step &latest() { return *plan.mutable_steps(plan.steps_size() - 1); }
  Shape shapeOf(uint32_t value) const {
    const auto &shape = plan.values(static_cast<int>(value)).shape();
    return {shape.begin(), shape.end()};
  }
  plan::Value::Kind kindOf(uint32_t value) const {
    return plan.values(static_cast<int>(value)).kind();
  }

  uint32_t input(const Shape &shape, int scale = 0) {
    uint32_t id = step({}, shape, shared, scale);
    latest().mutable_input()->set_port(static_cast<uint32_t>(plan.inputs_size()));
    plan::Port *port = plan.add_inputs();
    port->set_name("in" + std::to_string(plan.inputs_size() - 1));
    port->set_value(id);
    return id;
  }
  void output(uint32_t value, plan::Port::PostProcess post = plan::Port::NONE) {
    plan::Step *step = plan.add_steps();
    step->add_operands(value);
    step->mutable_output()->set_port(static_cast<uint32_t>(plan.outputs_size()));
    plan::Port *port = plan.add_outputs();
    port->set_name("out" + std::to_string(plan.outputs_size() - 1));
    port->set_value(value);
    port->set_post_process(post);
  }
  uint32_t open(uint32_t x, unsigned dropped = 0) {
    uint32_t id = step({x}, shapeOf(x), masked, plan.values(static_cast<int>(x)).scale());
    latest().mutable_open()->set_dropped(dropped);
    return id;
  }
  uint32_t weight(uint64_t elements) {
    plan.add_weights()->set_elements(elements);
    return static_cast<uint32_t>(plan.weights_size() - 1);
  }
  /// Makes its own weight tensors: the latest ids (weight, then bias).
  uint32_t linear(uint32_t x, const plan::Conv &conv, bool bias) {
    Shape shape = {conv.batch(), conv.out_channels(), conv.out_h(), conv.out_w()};
    uint32_t id = step({x}, shape, plan.weight_mode() == plan::WEIGHTS_PUBLIC ? masked : shared);
    plan::Linear *linear = latest().mutable_linear();
    *linear->mutable_conv() = conv;
    linear->set_weight(weight(uint64_t(conv.out_channels()) * (conv.in_channels() / conv.groups()) *
                              conv.kernel_h() * conv.kernel_w()));
    linear->set_has_bias(bias);
    if (bias)
      linear->set_bias(weight(conv.out_channels()));
    return id;
  }
  uint32_t relu(uint32_t z, unsigned shift, unsigned low, unsigned high,
                plan::SignWindow::Protocol protocol) {
    uint32_t id = step({z}, shapeOf(z), shared);
    latest().mutable_relu()->set_shift(shift);
    setWindow(*latest().mutable_relu()->mutable_window(), low, high, protocol);
    return id;
  }
  static void setWindow(plan::SignWindow &window, unsigned low, unsigned high,
                        plan::SignWindow::Protocol protocol) {
    window.set_low(low);
    window.set_high(high);
    window.set_protocol(protocol);
  }

  /// Adds the schedule.
  plan::Plan build() {
    std::vector<int> ready(static_cast<size_t>(plan.values_size()), 0);
    std::vector<std::vector<plan::RunPhase>> byStage;
    for (int index = 0; index < plan.steps_size(); ++index) {
      const plan::Step &step = plan.steps(index);
      int stage = 0;
      for (uint32_t operand : step.operands())
        stage = std::max(stage, ready[operand]);
      for (unsigned phase = 0; phase < plan::phaseCount(step); ++phase, ++stage) {
        if (byStage.size() <= static_cast<size_t>(stage))
          byStage.resize(static_cast<size_t>(stage) + 1);
        plan::RunPhase run;
        run.set_step(static_cast<uint32_t>(index));
        run.set_phase(phase);
        byStage[static_cast<size_t>(stage)].push_back(run);
      }
      if (!step.has_output())
        ready[step.result()] = stage - 1;
    }
    plan.clear_schedule();
    for (size_t stage = 0; stage < byStage.size(); ++stage) {
      if (stage > 0)
        plan.add_schedule()->mutable_exchange();
      for (const plan::RunPhase &run : byStage[stage])
        *plan.add_schedule()->mutable_run() = run;
    }
    return plan;
  }

  plan::Plan plan;
};

/// A square kernel over a square image, padded to keep the size if `pad` is set.
inline plan::Conv makeConv(uint32_t batch, uint32_t in, uint32_t size, uint32_t out,
                           uint32_t kernel = 1, uint32_t stride = 1, uint32_t pad = 0,
                           uint32_t groups = 1) {
  plan::Conv conv;
  uint32_t outSize = (size + 2 * pad - kernel) / stride + 1;
  conv.set_batch(batch);
  conv.set_in_channels(in);
  conv.set_in_h(size);
  conv.set_in_w(size);
  conv.set_out_channels(out);
  conv.set_out_h(outSize);
  conv.set_out_w(outSize);
  conv.set_kernel_h(kernel);
  conv.set_kernel_w(kernel);
  conv.set_stride_h(stride);
  conv.set_stride_w(stride);
  conv.set_dilation_h(1);
  conv.set_dilation_w(1);
  conv.set_pad_top(pad);
  conv.set_pad_left(pad);
  conv.set_groups(groups);
  return conv;
}

} // namespace gfs
