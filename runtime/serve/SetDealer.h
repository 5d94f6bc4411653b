// SPDX-License-Identifier: Apache-2.0
// The dealer of one plan: makes sets of material, wherever they go.
#pragma once

#include "runtime/exec/Dealer.h"
#include "runtime/exec/DevicePlan.h"
#include "runtime/material/MaterialSink.h"
#include "runtime/material/SetSeed.h"

#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace gfs::serve {

struct DealerFiles {
  std::filesystem::path plan, dealerKey;
  std::filesystem::path weights; ///< Read only if the plan's weights are public.
  unsigned threads = 0;          ///< 0 = as many as there are processors.
  std::string device = "cpu";    ///< See openDevice().
  uint32_t group = 0;            ///< Records a GPU makes at a time; 0 = as its memory allows.
};

/// What is known of a set before its records are dealt: headers of both halves, and their seeds.
struct SetToDeal {
  std::array<MaterialInfo, 2> halves;
  std::array<SecretSeed, 2> seeds;
};

class SetDealer {
public:
  /// A set has `records` records, which bounds how many a GPU makes at a time. Errors: those of the
  /// readers of plan, key and weights, and of openDevice(); Usage; Device.
  SetDealer(const DealerFiles &files, uint64_t records);
  SetDealer(const SetDealer &) = delete;
  SetDealer &operator=(const SetDealer &) = delete;

  const plan::LoadedPlan &plan() const { return program->loaded(); }
  const plan::Id16 &modelId() const { return key.modelId; }
  /// What makes the records, and its planned memory.
  const std::string &device() const { return text; }
  /// A new set.
  SetToDeal newSet() const;
  /// The set of which these halves were found, to deal the rest of it; a new set if they are of
  /// another plan or compilation, of different sets, or used up: who continues their files sees
  /// that. Errors: Integrity (sealed by another key, or damaged).
  SetToDeal sameSet(const std::array<MaterialInfo, 2> &found) const;

  /// Deals the records of a set from `first` on and hands each half's, in order, to its sink; told
  /// after each pair is how many there are and bytes of those made now. A `progress` that throws
  /// ends it. Errors: those of the sinks; Device.
  void deal(const SetToDeal &set, uint64_t first, const std::array<MaterialSink *, 2> &sinks,
            const std::function<void(uint64_t records, uint64_t bytes)> &progress);

private:
  uint32_t groupSize(const DealerFiles &files) const;

  plan::DealerKey key;
  std::optional<MaskedWeights> weights;
  ProgramRef program;
  const uint64_t records;
  const unsigned threads;
  ComputeDevice target;
  uint32_t group = 1;
  std::string text;
  std::optional<Dealer> dealer;
};

} // namespace gfs::serve
