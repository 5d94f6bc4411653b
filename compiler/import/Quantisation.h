// SPDX-License-Identifier: Apache-2.0
// Quantised models, computed as what they stand for: real numbers inside the quantised range. A
// value of 8 bits is held as its real value, next to how it was quantised; rounding to the grid,
// at most half a step, is left out.
#pragma once

#include "compiler/import/Node.h"

namespace gfs::onnx {

/// integer = round(real / scale) + zero, clamped to low..high; one scale and zero, or one for each
/// position along `axis`.
struct Quantisation {
  std::vector<double> scales{1}, zeros{0};
  size_t axis = 0;
  double low = 0, high = 0; ///< Both 0: never clamped.

  /// The integers are the real values themselves.
  bool isPlain() const;
  bool operator==(const Quantisation &) const = default;
};

/// Of a graph input that holds integers of that ONNX type; null if it has no quantised form.
std::shared_ptr<const Quantisation> plainQuantisation(int32_t elementType);

/// Refuses operators that compute on quantised integers other than by moving or comparing them.
void checkQuantisedOperands(Node &node, llvm::StringRef op);

/// Marks what an operator that only moves or compares its first operand's elements makes of
/// quantised ones.
void passQuantisation(Node &node, llvm::StringRef op);

/// The integers of a quantised value, not rounded.
mlir::Value emitIntegers(Node &node, const OnnxValue &value);

} // namespace gfs::onnx
