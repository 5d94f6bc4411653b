// SPDX-License-Identifier: Apache-2.0
// Weights in the four forms the interpreters see: clear W, masks A_p, masked Ŵ = W - A, and a
// server's shares.
#pragma once

#include "runtime/base/Secret.h"
#include "runtime/base/Words.h"
#include "runtime/exec/Program.h"
#include "runtime/plan/Files.h"

#include <filesystem>
#include <memory>
#include <vector>

namespace gfs {

/// Weights of one layer as kernels packed them; copies of a table share them.
class PackedWeights {
public:
  template <class Word>
  PackedWeights(const RingKernels<Word> &kernels, const ConvShape &shape, size_t bytes,
                const Word *weight)
      : bytes(bytes), release(kernels.releaseWeights) {
    kernels.packWeights(shape, weight, this->bytes.data());
  }
  ~PackedWeights() {
    if (release)
      release(bytes.data());
  }
  PackedWeights(const PackedWeights &) = delete;
  PackedWeights &operator=(const PackedWeights &) = delete;
  const void *data() const { return bytes.data(); }

private:
  SecretVector<std::byte> bytes;
  void (*release)(void *packed);
};

/// One array of reduced ring words per weight id. An empty array stands for zeros where a share is
/// identically zero.
class WeightTable {
public:
  WeightTable() = default;
  explicit WeightTable(size_t tensors) : data(tensors) {}

  size_t size() const { return data.size(); }
  std::span<const std::byte> bytes(uint32_t id) const { return data[id]; }
  template <class Word> std::span<const Word> words(uint32_t id) const {
    return asWords<Word>(bytes(id));
  }
  /// Makes tensor `id` `count` words long and returns it, uninitialised.
  template <class Word> std::span<Word> allocate(uint32_t id, size_t count) {
    data[id].resize(count * sizeof(Word));
    return mutableWords<Word>(id);
  }

  template <class Word> std::span<Word> mutableWords(uint32_t id) {
    return asWords<Word>(std::span(data[id]));
  }

  /// Packs the weights of every gate that convolves with them, for `kernels`; does nothing where
  /// these have no packed form. Tensors must not change afterwards.
  void pack(const Program &program, const Kernels &kernels);
  /// Null if the tensor was not packed.
  const void *packed(uint32_t id) const {
    return id < forKernels.size() && forKernels[id] ? forKernels[id]->data() : nullptr;
  }

private:
  template <class Word> void packTensors(const Program &program, const RingKernels<Word> &kernels);

  std::vector<SecretVector<std::byte>> data;
  std::vector<std::shared_ptr<const PackedWeights>>
      forKernels; ///< Empty, or by id; null: not packed.
};

/// Clear weights as ring words; `values[id]` are signed integers at the tensor's scale. Throws
/// Internal if a count differs from the plan.
WeightTable clearWeights(const plan::Plan &plan, const std::vector<std::vector<int64_t>> &values);

/// A_p for every weight: streams of AES key HKDF(seed, "gfs weights" | model id), nonce = weight
/// id. Arrays are empty where the weight mode makes A_p zero (party 1 for `server`, both for
/// `public`).
WeightTable weightMaskShare(const plan::Plan &plan, const SecretSeed &partySeed, Party party,
                            const plan::Id16 &modelId);
/// A = A_0 + A_1; what the dealer needs unless weights are public.
WeightTable weightMask(const plan::Plan &plan, const SecretSeed &seed0, const SecretSeed &seed1,
                       const plan::Id16 &modelId);

/// The contents of plan.weights: Ŵ and the model id. W itself if weights are public.
struct MaskedWeights {
  plan::Id16 modelId{};
  WeightTable tensors;
};

/// Ŵ = W - A. Random access to secrets stays with the caller: drop `clear` as soon as possible.
MaskedWeights maskWeights(const plan::Plan &plan, const WeightTable &clear, const SecretSeed &seed0,
                          const SecretSeed &seed1, const plan::Id16 &modelId);
/// W = Ŵ + A, for tests that hold both seeds; no program needs it.
WeightTable unmaskWeights(const plan::Plan &plan, const MaskedWeights &masked,
                          const SecretSeed &seed0, const SecretSeed &seed1);

/// What one server computes with: Ŵ, and its share w_0 = Ŵ + A_0 or w_1 = A_1 (empty if zero).
struct ServerWeights {
  plan::Id16 modelId{};
  WeightTable masked;
  WeightTable share;
};
ServerWeights serverWeights(const plan::Plan &plan, MaskedWeights masked,
                            const SecretSeed &partySeed, Party party);

/// "plan.bin" -> plan.weights, plan.s0.key, plan.s1.key, plan.dealer.key.
struct ModelPaths {
  std::filesystem::path weights, dealerKey;
  std::array<std::filesystem::path, 2> partyKey;
  static ModelPaths beside(const std::filesystem::path &planPath);
};

/// Draws seeds and a model id and writes the four files beside the plan; keys get mode 0600. `plan`
/// must be what `planPath` holds (its hash ties the files). Returns the model id. Errors:
/// OutputUnwritable.
plan::Id16 stageModelFiles(StagedFiles &files, const plan::LoadedPlan &plan,
                           const WeightTable &clear, const std::filesystem::path &planPath);
/// Errors: InputUnreadable, InvalidInput, Integrity, PlanMismatch (weights of another plan).
MaskedWeights readMaskedWeights(const std::filesystem::path &path, const plan::LoadedPlan &plan);

} // namespace gfs
