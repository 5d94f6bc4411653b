// SPDX-License-Identifier: Apache-2.0
// The dealer: makes both servers' one-time records for a request. Needs both mask seeds, never the
// weights (unless they are public).
#pragma once

#include "runtime/exec/DeviceDealer.h"

namespace gfs {

class Dealer {
public:
  /// `publicWeights`: contents of plan.weights, needed only if weights are public (Internal if
  /// missing then). With a GPU's kernels whole records are made there, if every gate has a form for
  /// one.
  Dealer(ProgramRef program, const SecretSeed &seed0, const SecretSeed &seed1,
         const plan::Id16 &modelId, const MaskedWeights *publicWeights = nullptr,
         const Kernels &kernels = bestKernels());

  /// Records of later calls of deal() come from these seeds, those of a set, and not from the
  /// constructor's, which the masks of weights keep. Nothing may be dealt meanwhile.
  void useSeeds(const SecretSeed &zero, const SecretSeed &one);

  uint64_t recordBytes(Party party) const { return code->recordBytes(party); }
  /// Fills the plaintext records of `serial`, each recordBytes(party) long. May run on several
  /// threads at once. Dealing one serial twice is allowed only to replace a record that no server
  /// has used.
  void deal(const plan::Id16 &materialId, uint64_t serial, std::span<uint8_t> record0,
            std::span<uint8_t> record1) const;
  /// The same for serials from `first` on, as one group on a GPU; `helpers` share the work of the
  /// CPU.
  void deal(const plan::Id16 &materialId, uint64_t first, std::span<const RecordPair> records,
            ThreadPool &helpers) const;
  /// Null if records are made on the CPU.
  const DeviceDealer *onDevice() const { return device.get(); }

private:
  void dealHere(const RequestId &request, const RecordPair &records) const;
  RequestId request(const plan::Id16 &materialId, uint64_t serial) const {
    return {code->loaded().hash, modelId, materialId, serial};
  }
  std::array<AesKey, 2> keysOf(const RequestId &request) const {
    return {requestKey(seeds[0], request), requestKey(seeds[1], request)};
  }
  void checkSizes(const RecordPair &records) const;

  ProgramRef code;
  std::array<SecretSeed, 2> seeds;
  plan::Id16 modelId;
  WeightTable weights; ///< A, or W if public.
  const Kernels *kernels;
  std::unique_ptr<DeviceDealer> device; ///< Behind what it uses.
};

} // namespace gfs
