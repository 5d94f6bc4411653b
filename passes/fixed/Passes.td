// SPDX-License-Identifier: Apache-2.0
// Passes on the fixed dialect, in the order the pipeline runs them.
#ifndef GFS_PASSES_FIXED_PASSES_TD
#define GFS_PASSES_FIXED_PASSES_TD

include "mlir/Pass/PassBase.td"

def FixedFold : Pass<"fixed-fold", "::mlir::func::FuncOp"> {
  let summary = "Remove operations that change nothing and join ones that are one.";
  let description = [{
    Joins rescale after rescale, reshape after reshape, transpose after transpose, take after take along one axis, and
    add_weight after add_weight; removes those of them, and concats of one operand, that return their operand.
    Truncations are never joined: rounding twice is not rounding once, and `truncate(rescale(z))` rounds on other bits
    of the mask than a single truncation of z.

    - Before: any `fixed` function. After: the same function, fewer operations.
    - Cost: never more.
    - Numerics: bit-exact.
  }];
  let dependentDialects = ["::gfs::fixed::FixedDialect"];
}

def FixedVerifyRanges : Pass<"fixed-verify-ranges", "::mlir::ModuleOp"> {
  let summary = "Refuse a program whose values can leave the ring or a sign window.";
  let description = [{
    With l = `fixed.ring_bits`, and |z| the largest magnitude that `fixed.range` gives for a value, as an integer at the
    value's scale:
    1. The module states l and has one function, made of fixed operations.
    2. The window [low, high) of `relu`, `spline` and `max_pool2d` ends at l - 2 or below, and a shift is at most l - 2.
    3. Operands of `truncate`, `square` and `mul`: headroom * |z| < 2^(l-2). `relu`: headroom * |z| < 2^high - 2^low.
       `spline`: headroom * |z| + |t| < 2^high - 2^low for each threshold t, which lies within the opened range.
       `max_pool2d`: as `relu` for the largest difference of two elements.
    4. Results of the function and operands of `conv2d` and `linear`: headroom * |z| < 2^(l-1).

    A value without a range only meets rules 1 and 2. All violations are reported, each with the layer and what to change.

    - Before: any `fixed` program.
    - After: the same program.
    - Cost: none.
    - Numerics: exact.
  }];
  let options = [
    Option<"headroom", "headroom", "double", /*default=*/"1.0",
           "How many times the calibrated magnitude must still fit.">
  ];
  let dependentDialects = ["::gfs::fixed::FixedDialect"];
}

#endif // GFS_PASSES_FIXED_PASSES_TD
