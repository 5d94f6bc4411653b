// SPDX-License-Identifier: Apache-2.0
// Evaluates a function one operation at a time, each for all samples, so that an original and a
// changed network can be followed side by side with few values alive.
#pragma once

#include "compiler/choose/Variant.h"

#include "llvm/ADT/DenseMap.h"

#include <memory>
#include <span>
#include <vector>

namespace gfs {

/// Leaves new elements as they are: whoever makes a batch writes each of them.
template <typename T> struct UninitialisedAllocator : std::allocator<T> {
  template <typename U> struct rebind {
    using other = UninitialisedAllocator<U>;
  };
  void construct(T *) noexcept {}
  void construct(T *place, T value) noexcept { *place = value; }
};
using Floats = std::vector<float, UninitialisedAllocator<float>>;

/// One value for all samples: sample after sample, each of the value's shape.
using Batch = std::shared_ptr<const Floats>;

/// Inputs of a function: one array per argument, `count` samples one after the other.
struct SampleBatch {
  size_t count = 0;
  std::vector<std::vector<float>> inputs;

  /// The samples of `indices`, in that order.
  SampleBatch pick(std::span<const size_t> indices) const;
  /// Samples first to first + some.
  SampleBatch slice(size_t first, size_t some) const;
};

/// The values of a function that are needed at the moment.
class BatchValues {
public:
  /// None yet.
  explicit BatchValues(size_t samples) : count(samples) {}
  /// Those of the arguments.
  BatchValues(mlir::func::FuncOp function, const SampleBatch &samples);

  size_t samples() const { return count; }
  const Batch &at(mlir::Value value) const;
  void set(mlir::Value value, Batch batch) { values[value] = std::move(batch); }
  /// What the operation gives for the operands at hand, with its own parameters.
  Batch evaluate(mlir::Operation &op) const;
  /// The same with the parameters of the variant, if it changes the operation.
  Batch evaluate(mlir::Operation &op, const Variant &variant) const;
  /// Lets go of the operands whose last user is `op`.
  void release(mlir::Operation &op);

private:
  size_t count;
  llvm::DenseMap<mlir::Value, Batch> values;
};

/// Whether an operation computes something from inputs: neither constant nor return.
bool isStep(mlir::Operation &op);

/// What the servers compute for a result: before a softmax or argmax of the client.
mlir::Value servedValue(mlir::Value result);

/// Channel by channel, what the choices say, for values of shape [N, C, ...] with so many elements
/// in a row of one channel.
Floats applyChoices(std::span<const float> z, size_t channels, size_t elementsPerChannel,
                    std::span<const ChannelChoice> choices);

/// The served outputs of the variant: one array per result of the function, sample after sample.
std::vector<std::vector<float>> evaluateVariant(mlir::func::FuncOp function,
                                                const SampleBatch &samples, const Variant &variant);

} // namespace gfs
