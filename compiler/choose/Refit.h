// SPDX-License-Identifier: Apache-2.0
// Closed forms that make a changed network follow the original again.
#pragma once

#include "compiler/choose/Batches.h"

namespace gfs {

struct RefitOptions {
  bool weights = true; ///< Weights and biases, too; else only the polynomials.
  /// Whether polynomials are nearest where a channel's values are frequent; else evenly all over
  /// their range.
  bool density = true;
  /// Pull of weights towards the original ones, relative to the mean square of a layer's operand.
  double ridge = 0.01;
};

/// A variant and, for each ReLU channel it keeps, what a polynomial of each degree in its place
/// would compute: [site][channel][degree 0 to 2].
struct RefitResult {
  Variant variant;
  std::vector<std::vector<std::array<Polynomial, 3>>> candidates;
};

/// Walks both networks on `samples`, layer after layer. A replaced channel gets the polynomial of
/// its degree that is nearest to the original's ReLU for the operands it has *now*; a linear layer
/// behind a change gets the weights that are nearest to the original's results for the operands it
/// has now (for a layer whose result is only added to a value known by then: to the original's
/// sum). Errors of one layer are thus made good by the next ones. `replaced` says which channels
/// and degrees; its polynomials do not count.
RefitResult refit(mlir::func::FuncOp function, const SampleBatch &samples, const Variant &replaced,
                  const RefitOptions &options);

} // namespace gfs
