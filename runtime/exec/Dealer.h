// SPDX-License-Identifier: Apache-2.0
// The dealer: makes both servers' one-time records for a request. Needs both mask seeds, never the
// weights (unless they are public).
#pragma once

#include "runtime/exec/Program.h"
#include "runtime/exec/RequestKeys.h"
#include "runtime/exec/Weights.h"

namespace gfs {

class Dealer {
public:
  /// `publicWeights`: contents of plan.weights, needed only if weights are public (Internal if
  /// missing then).
  Dealer(ProgramRef program, const SecretSeed &seed0, const SecretSeed &seed1,
         const plan::Id16 &modelId, const MaskedWeights *publicWeights = nullptr,
         const Kernels &kernels = bestKernels());

  uint64_t recordBytes(Party party) const { return code->recordBytes(party); }
  /// Fills the plaintext records of `serial`, each recordBytes(party) long. May run on several
  /// threads at once. Dealing one serial twice is allowed only to replace a record that no server
  /// has used.
  void deal(const plan::Id16 &materialId, uint64_t serial, std::span<uint8_t> record0,
            std::span<uint8_t> record1) const;

private:
  ProgramRef code;
  std::array<SecretSeed, 2> seeds;
  plan::Id16 modelId;
  WeightTable weights; ///< A, or W if public.
  const Kernels *kernels;
};

} // namespace gfs
