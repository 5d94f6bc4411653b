// SPDX-License-Identifier: Apache-2.0
// The evaluator's inside: a list of closures over preallocated buffers.
#pragma once

#include "compiler/evaluate/Evaluator.h"

#include "llvm/ADT/DenseMap.h"

#include <deque>

namespace gfs {

/// Where a value's floats lie: a buffer of the program's, or a constant of the module.
using FloatView = std::span<float>;
using ConstFloatView = std::span<const float>;

struct Evaluator::Program {
  struct Step {
    mlir::Value result;
    std::function<void()> run;
  };
  std::vector<mlir::BlockArgument> arguments;
  std::vector<mlir::Value> outputs;
  std::vector<Step> steps;

  /// The place of a value that was already defined.
  ConstFloatView read(mlir::Value value) const { return places.lookup(value); }
  /// Makes room for a value.
  FloatView define(mlir::Value value);
  /// Lets a value share the data of another (or of a constant).
  void alias(mlir::Value value, ConstFloatView data) { places[value] = data; }
  std::deque<std::vector<float>> buffers;

private:
  llvm::DenseMap<mlir::Value, ConstFloatView> places;
};

/// Lets oneDNN use one core or all, whichever is faster for a network of this size.
void chooseThreads(mlir::func::FuncOp function);

/// Adds the steps of an operation; false if it is none of theirs. Each file handles one family.
bool addLinearStep(Evaluator::Program &program, mlir::Operation &op);
bool addPoolStep(Evaluator::Program &program, mlir::Operation &op);
bool addLocalStep(Evaluator::Program &program, mlir::Operation &op);

} // namespace gfs
