// SPDX-License-Identifier: Apache-2.0
// What the fixed-point choices of a program leave as head-room, layer by layer.
#pragma once

#include "dialects/fixed/FixedDialect.h"

#include <string>
#include <vector>

namespace gfs::fixed {

/// What one operation asks of its operand's range.
struct RangeDemand {
  mlir::Value operand;
  double magnitude = 0; ///< Largest |z| (or difference) seen, as an integer at the operand's scale.
  double limit = 0;     ///< It must stay below this.
  const char *what = ""; ///< "sign window", "ring", … for messages.
};

/// The demands of `op` on those operands whose range is known; `ringBits` is l.
std::vector<RangeDemand> rangeDemands(mlir::Operation *op, unsigned ringBits);

/// One row of the report: a linear layer or a non-linear operation.
struct RangeRow {
  std::string layer;     ///< The model's node name.
  std::string operation; ///< "conv2d", "relu", …
  double magnitude = 0;  ///< Largest real magnitude of the result (linear) or of the operand (the
                         ///< others); 0 if unknown.
  int32_t operandScale = 0;
  int32_t resultScale = 0;
  unsigned weightBits = 0; ///< Signed bits of the largest weight; 0 for operations without weights.
  unsigned shift = 0;
  unsigned low = 0, high = 0; ///< Sign window; both 0 where no sign is decided.
  double headroom = 0;        ///< limit / magnitude of the tightest demand; 0 if unknown.
};

/// Rows in program order. The module is verified and has `fixed.ring_bits`.
std::vector<RangeRow> rangeReport(mlir::ModuleOp module);
/// The rows as a table for people, one line a row, with a heading.
std::string formatRangeReport(const std::vector<RangeRow> &rows);

} // namespace gfs::fixed
