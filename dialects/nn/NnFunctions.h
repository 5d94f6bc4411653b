// SPDX-License-Identifier: Apache-2.0
// The functions of nn.function: one meaning for folding, for the float evaluator and for the fit of
// splines.
#pragma once

#include "dialects/nn/NnDialect.h"

namespace gfs::nn {

/// Number of parameters of a kind.
unsigned functionArity(FunctionKind kind);

/// Where a function is defined: an interval, whose ends may belong to it or not, or (1 / x, x^-3)
/// two half-lines of one sign each.
struct FunctionDomain {
  bool needsNonNegative = false; ///< x >= 0.
  bool needsNonZero = false;     ///< x != 0: with needsNonNegative, x > 0.

  bool contains(double x) const {
    return !(needsNonNegative && x < 0) && !(needsNonZero && x == 0);
  }
  /// The function is defined and continuous from one end to the other.
  bool containsAll(double min, double max) const {
    return contains(min) && contains(max) && !(needsNonZero && min < 0 && max > 0);
  }
};

FunctionDomain functionDomain(FunctionKind kind, llvm::ArrayRef<double> parameters);

/// The value at x; a NaN or an infinity outside the domain. Exact to some units in the last place,
/// also where a formula's terms cancel. `parameters` has functionArity(kind) entries.
double evaluateFunction(FunctionKind kind, llvm::ArrayRef<double> parameters, double x);

inline double evaluateFunction(FunctionOp op, double x) {
  return evaluateFunction(op.getKind(), op.getParameters(), x);
}

} // namespace gfs::nn
