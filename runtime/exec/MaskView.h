// SPDX-License-Identifier: Apache-2.0
// What the dealer and the clear evaluator have in common: clear masks of one request. Not for use
// outside this folder.
#pragma once

#include "runtime/base/Error.h"
#include "runtime/exec/RequestKeys.h"
#include "runtime/exec/ValueStore.h"
#include "runtime/exec/Weights.h"

namespace gfs {

/// One request as somebody sees it who knows both seeds.
struct MaskState {
  MaskState(const Program &program, const Kernels &kernels, const WeightTable &weights,
            const SecretSeed &seed0, const SecretSeed &seed1, const RequestId &request)
      : program(program), kernels(kernels), weights(weights),
        keys{requestKey(seed0, request), requestKey(seed1, request)}, masks(program) {}

  const Program &program;
  const Kernels &kernels;
  const WeightTable &weights; ///< A, or W if weights are public.
  std::array<AesKey, 2> keys;
  ValueStore masks;

  void beginStep(uint32_t step) {
    if (program.hasResult(step) && program.masked(program.step(step).result()))
      masks.allocate(program.step(step).result());
  }
  void endStep(uint32_t step) {
    for (uint32_t value : program.lastReadBy(step))
      masks.release(value);
  }
};

/// The MaskContext part of a step's context.
template <class Base> class MaskView : public Base {
public:
  MaskView(MaskState &state, uint32_t step)
      : state(state), index(step), step(state.program.step(step)) {}

  Prg stream(Party party, uint16_t stream) const final {
    return Prg(state.keys[gfs::index(party)], streamNonce(index, stream));
  }
  const Kernels &kernels() const final { return state.kernels; }

  const void *packedWeight(uint32_t id) const final { return state.weights.packed(id); }

protected:
  std::span<const std::byte> maskBytes(unsigned operand) const final {
    return state.masks.at(step.operands(static_cast<int>(operand)));
  }
  std::span<std::byte> resultMaskBytes() final { return state.masks.at(step.result()); }
  std::span<const std::byte> weightBytes(uint32_t id) const final {
    return state.weights.bytes(id);
  }

  MaskState &state;
  const uint32_t index;
  const plan::Step &step;
};

} // namespace gfs
