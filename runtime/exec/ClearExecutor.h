// SPDX-License-Identifier: Apache-2.0
// Clear evaluation of a plan: bit for bit what the two servers compute together, given the same
// masks; where openings drop bits, one of the results they may come to, drawn as theirs is.
#pragma once

#include "runtime/exec/Program.h"
#include "runtime/exec/RequestKeys.h"
#include "runtime/exec/Weights.h"

#include <functional>

namespace gfs {

/// Reduced ring words of one value or port, as bytes (Ring::wordBytes() each).
using ClearWords = SecretVector<std::byte>;

class ClearExecutor {
public:
  /// `weights` must outlive the executor.
  ClearExecutor(ProgramRef program, const WeightTable &weights,
                const Kernels &kernels = bestKernels());

  /// Called after each step with the id and the clear words of its result.
  using Observer = std::function<void(uint32_t value, std::span<const std::byte> words)>;
  /// `inputs[port]` and the returned outputs are clear words; the masks are those of the given
  /// request under both seeds. Throws InvalidInput if an input has another length than its port.
  std::vector<ClearWords> run(const SecretSeed &seed0, const SecretSeed &seed1,
                              const RequestId &request, std::span<const ClearWords> inputs,
                              const Observer &observe = {}) const;

private:
  ProgramRef code;
  const WeightTable *weights;
  const Kernels *kernels;
};

} // namespace gfs
