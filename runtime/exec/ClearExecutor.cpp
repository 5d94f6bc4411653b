// SPDX-License-Identifier: Apache-2.0
// Walks the steps in program order on clear values; what is never read again is released.
#include "runtime/exec/ClearExecutor.h"

#include "runtime/exec/MaskView.h"

namespace gfs {

namespace {

struct ClearState : MaskState {
  using MaskState::MaskState;
  ValueStore values{program};
  std::span<const ClearWords> inputs;
  std::vector<ClearWords> outputs;
};

class ClearView final : public MaskView<ReferenceContext> {
public:
  ClearView(ClearState &state, uint32_t step) : MaskView(state, step), clear(state) {}

protected:
  std::span<const std::byte> operandBytes(unsigned operand) const override {
    return clear.values.at(step.operands(static_cast<int>(operand)));
  }
  std::span<std::byte> resultBytes() override { return clear.values.at(step.result()); }
  std::span<const std::byte> clearInputBytes(uint32_t port) const override {
    return clear.inputs[port];
  }
  std::span<std::byte> clearOutputBytes(uint32_t port) override { return clear.outputs[port]; }
  std::span<const std::byte> clearWeightBytes(uint32_t id) const override {
    return clear.weights.bytes(id);
  }

private:
  ClearState &clear;
};

} // namespace

ClearExecutor::ClearExecutor(ProgramRef program, const WeightTable &weights, const Kernels &kernels)
    : code(std::move(program)), weights(&weights), kernels(&kernels) {}

std::vector<ClearWords> ClearExecutor::run(const SecretSeed &seed0, const SecretSeed &seed1,
                                           const RequestId &request,
                                           std::span<const ClearWords> inputs,
                                           const Observer &observe) const {
  const plan::Plan &plan = code->plan();
  if (inputs.size() != static_cast<size_t>(plan.inputs_size()))
    throw Error(ExitCode::InvalidInput,
                fmt::format("expects {} inputs, got {}", plan.inputs_size(), inputs.size()));
  for (int port = 0; port < plan.inputs_size(); ++port) {
    uint64_t expected = code->valueBytes(plan.inputs(port).value()),
             found = inputs[static_cast<size_t>(port)].size();
    if (found != expected)
      throw Error(ExitCode::InvalidInput,
                  fmt::format("input {}: expects {} bytes of ring words, got {}",
                              plan.inputs(port).name(), expected, found));
  }
  ClearState state(*code, *kernels, *weights, seed0, seed1, request);
  state.inputs = inputs;
  for (const plan::Port &port : plan.outputs())
    state.outputs.emplace_back(code->valueBytes(port.value()));
  for (uint32_t step = 0; step < code->steps(); ++step) {
    state.beginStep(step);
    if (code->hasResult(step))
      state.values.allocate(code->step(step).result());
    ClearView view(state, step);
    code->gate(step).mask(view);
    code->gate(step).reference(view);
    if (observe && code->hasResult(step))
      observe(code->step(step).result(), state.values.at(code->step(step).result()));
    for (uint32_t value : code->lastReadBy(step))
      state.values.release(value);
    state.endStep(step);
  }
  return std::move(state.outputs);
}

} // namespace gfs
