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

def FixedArgmax : Pass<"fixed-argmax", "::mlir::ModuleOp"> {
  let summary = "Return the index of the largest element, and nothing else.";
  let description = [{
    Each result of @main becomes the index of its largest element along its last axis that is longer than 1, of equal ones
    the first; its `fixed.post` becomes `index`, and that axis goes. With K candidates v_i and k = ceil(log2 K) + 1, the
    largest of w_i = 2^k v_i - i is found by exact maxima of pairs, and -2^(l-k) w = 2^(l-k) i mod 2^l is returned:
    the client learns i alone. Values that leave no room for the index are truncated first.

    1. A result has an axis longer than 1.
    2. The ring has room: l >= k + 11 + ceil(log2(headroom)).

    - Before: a fixed program with `fixed.ring_bits`.
    - After: the same with results of indices. The last factor wraps around the ring on purpose.
    - Cost: ceil(log2 K) rounds of maxima, exact signs over l - 2 bits on K - 1 elements a row.
    - Numerics: exact on values at the scale that is compared; truncation rounds up or down.
  }];
  let options = [
    Option<"headroom", "headroom", "double", /*default=*/"2.0",
           "How many times the calibrated magnitude a value may reach.">
  ];
  let dependentDialects = ["::gfs::fixed::FixedDialect", "::mlir::func::FuncDialect"];
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
