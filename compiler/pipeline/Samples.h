// SPDX-License-Identifier: Apache-2.0
// Calibration samples: typical inputs, from a file or made up.
#pragma once

#include "compiler/verify/TestSets.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>
#include <vector>

namespace gfs {

/// Inputs by port, each `count` samples one after the other.
struct SampleSet {
  std::vector<std::vector<float>> inputs;
  size_t count = 0;
  size_t given = 0; ///< Samples of the file, of which `count` were taken.
  bool synthetic = false;

  /// `some` of the samples, evenly spread.
  SampleSet spread(size_t some) const;
  /// All samples so many times, one round after another.
  SampleSet repeated(size_t times) const;
};

/// More samples than this say nothing new about formats.
constexpr size_t mostSamples = 128;

/// Reads samples for the inputs of an `nn` @main from .npy, .npz or "FILE.npz:NAME". An array holds
/// samples along its leading axis (or one sample), in the shape of the input up to extents of one.
/// Arrays of an archive are found by the input's name, or by being the only one that fits. At
/// `most` so many are taken, evenly spread. Errors: InputUnreadable, InvalidInput (names file, arrays and shapes).
SampleSet readSamples(const std::string &spec, mlir::func::FuncOp main, size_t most = mostSamples);

/// The inputs of test sets, one sample a set. Errors: InvalidInput.
SampleSet samplesOf(const std::vector<TestSet> &sets, mlir::func::FuncOp main);

/// Samples for whoever has none.
SampleSet makeSamples(mlir::func::FuncOp main, size_t count);

/// The model's name of input `index`.
std::string inputName(mlir::func::FuncOp main, unsigned index);

} // namespace gfs
