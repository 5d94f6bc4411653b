// SPDX-License-Identifier: Apache-2.0
// What a network computes in real numbers: the reference for calibration and for every secure
// result.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace gfs {

/// Runs a function in the nn dialect on f32 data. Convolutions and matrix products run on oneDNN
/// with primitives made once, so that many samples cost little more than their arithmetic. Weights
/// are not copied where oneDNN allows.
class Evaluator {
public:
  /// Errors: Internal if the function holds operations of other dialects.
  explicit Evaluator(mlir::func::FuncOp function);
  ~Evaluator();
  Evaluator(Evaluator &&) noexcept;

  /// Sees each argument and each result of a non-constant operation, in program order; the data is
  /// valid during the call.
  using Observer = std::function<void(mlir::Value value, std::span<const float> data)>;

  /// One evaluation. `inputs` holds one array per argument, of the argument's shape, row-major; so
  /// do the results.
  std::vector<std::vector<float>> run(std::span<const std::span<const float>> inputs,
                                      const Observer &observer = {});

  /// `samples` evaluations: each array holds that many samples one after the other, and so do the
  /// results.
  std::vector<std::vector<float>> runSamples(size_t samples,
                                             std::span<const std::vector<float>> inputs,
                                             const Observer &observer = {});

  struct Program; ///< See Program.h.

private:
  std::unique_ptr<Program> program;
};

} // namespace gfs
