// SPDX-License-Identifier: Apache-2.0
// Operations of the fixed dialect, each with its rules about scales.
#ifndef GFS_DIALECTS_FIXED_FIXEDOPS_TD
#define GFS_DIALECTS_FIXED_FIXEDOPS_TD

include "dialects/fixed/FixedTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// --- Class ladder -------------------------------------------------------------------------------------------
class Fixed_Op<string mnemonic, list<Trait> traits = []> : Op<Fixed_Dialect, mnemonic, [Pure] # traits> {
  let hasVerifier = 1;
}

class Fixed_UnaryOp<string mnemonic, list<Trait> traits = []> : Fixed_Op<mnemonic, traits> {
  let arguments = (ins Fixed_Tensor:$input);
  let results = (outs Fixed_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` qualified(type($input)) `->` qualified(type($result))";
}

// a op b, all of one type: no verifier of its own is needed.
class Fixed_SameTypeBinaryOp<string mnemonic, list<Trait> traits = []>
    : Fixed_Op<mnemonic, traits # [AllTypesMatch<["lhs", "rhs", "result"]>]> {
  let arguments = (ins Fixed_Tensor:$lhs, Fixed_Tensor:$rhs);
  let results = (outs Fixed_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` qualified(type($result))";
  let hasVerifier = 0;
}

// A window sliding over the last two axes of an NCHW tensor.
class Fixed_PoolOp<string mnemonic> : Fixed_UnaryOp<mnemonic>;

def Fixed_Shift : ConfinedAttr<I64Attr, [IntNonNegative, IntMaxValue<63>]>;
def Fixed_Ones : DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">;
def Fixed_Pads : DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">;

// --- Weights and linear layers ------------------------------------------------------------------------------
def Fixed_WeightOp : Fixed_Op<"weight"> {
  let summary = "A constant of the model: weights or a bias, already scaled and rounded to integers.";
  let description = [{
    Small constants are written out; anything over 16 elements is a dense resource. Elements are `i32` when all fit,
    else `i64`; both are read as signed numbers (`weightValues` in FixedDialect.h reads either).

    Constraints:
    - weight_c1: `value` is dense (or a dense resource) with elements `i32` or `i64`.
    - weight_c2: `value` has the shape of the result.

    Example:
    ```mlir
    %b = fixed.weight dense<[3, -1]> : tensor<2xi32> -> !fixed.tensor<2, scale = 20>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Fixed_Tensor:$result);
  let assemblyFormat = "$value attr-dict `->` qualified(type($result))";
}

def Fixed_Conv2dOp : Fixed_Op<"conv2d"> {
  let summary = "2-D convolution with a weight, and a bias per output channel.";
  let description = [{
    `input` is [N, I, H, W], `weight` [O, I/groups, KH, KW], `bias` [O]. `pads` are top, left, bottom, right.

    Constraints:
    - conv2d_c1: input, weight and result have four axes and the result's shape follows from the geometry.
    - conv2d_c2: scale(result) = scale(input) + scale(weight).
    - conv2d_c3: the bias has one element per output channel and the result's scale.

    Example:
    ```mlir
    %z = fixed.conv2d %x, %w bias %b {pads = array<i64: 1, 1, 1, 1>}
        : (!fixed.tensor<1x3x8x8, scale = 11>, !fixed.tensor<4x3x3x3, scale = 12>, !fixed.tensor<4, scale = 23>)
        -> !fixed.tensor<1x4x8x8, scale = 23>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$input, Fixed_Tensor:$weight, Optional<Fixed_Tensor>:$bias,
                       Fixed_Ones:$strides, Fixed_Ones:$dilations, Fixed_Pads:$pads,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$groups);
  let results = (outs Fixed_Tensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def Fixed_LinearOp : Fixed_Op<"linear"> {
  let summary = "Matrix product with a transposed weight: result = input * weight^T + bias.";
  let description = [{
    `input` is [M, K], `weight` [N, K], `bias` [N], `result` [M, N].

    Constraints:
    - linear_c1: the shapes are those.
    - linear_c2: scale(result) = scale(input) + scale(weight).
    - linear_c3: the bias has one element per column of the result and the result's scale.

    Example:
    ```mlir
    %y = fixed.linear %x, %w : (!fixed.tensor<1x64, scale = 11>, !fixed.tensor<10x64, scale = 9>)
        -> !fixed.tensor<1x10, scale = 20>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$input, Fixed_Tensor:$weight, Optional<Fixed_Tensor>:$bias);
  let results = (outs Fixed_Tensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

// --- Non-linear operations: each opens its operand, so |operand| < 2^(l-2) must hold -------------------------
def Fixed_ReluOp : Fixed_UnaryOp<"relu"> {
  let summary = "max(z, 0) >> shift, the sign decided on bits [low, high) of z.";
  let description = [{
    The sign is right while `|z| < 2^high - 2^low`, except near zero: a value with `|z| < 2^(low-1)` is taken for positive
    with probability `1/2 + z / 2^low`. Where low bits are not opened (`secure-trim-openings`) this can happen up to
    `|z| < 3/4 2^low`. A wrong sign changes the result by less than `2^(low - shift) + 1` units in the last place. The
    shift rounds up or down.

    Constraints:
    - relu_c1: low < high <= 62.
    - relu_c2: the result has the operand's shape and scale(result) = scale(input) - shift.

    Cost: the operand is opened (one exchange of at most l bits) and its sign decided on `high - low` bits.

    Example:
    ```mlir
    %y = fixed.relu %z shift 12 window [19, 26)
        : !fixed.tensor<1x4x8x8, scale = 23> -> !fixed.tensor<1x4x8x8, scale = 11>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$input, Fixed_Shift:$shift, Fixed_Shift:$low, Fixed_Shift:$high);
  let assemblyFormat = [{
    $input `shift` $shift `window` ` ` `[` $low `,` $high `)` attr-dict
    `:` qualified(type($input)) `->` qualified(type($result))
  }];
}

def Fixed_SplineOp : Fixed_UnaryOp<"spline"> {
  let summary = "A piecewise polynomial of z >> shift, of degree two, the piece chosen on bits [low, high) of z.";
  let description = [{
    With v = z >> shift (rounded up or down), the result is c0 + c1 v + c2 v^2 for the piece j with
    threshold(j-1) <= z < threshold(j); `pieces` lists c0, c1, c2 of each piece, integers that already have the result's scale.
    Comparisons with a threshold t are as good as those of `fixed.relu` while `|z - t| < 2^high - 2^low`: a value
    within `2^(low-1)` of t (`3/4 2^low` where low bits are not opened) may get the piece on its other side.

    Constraints:
    - spline_c1: low < high <= 62.
    - spline_c2: 1 to 64 thresholds, ascending, each below 2^62 in magnitude.
    - spline_c3: three coefficients for each piece, of which there is one more than thresholds.
    - spline_c4: the result has the operand's shape.

    Cost: the operand is opened (one exchange of at most l bits) and compared with all thresholds at once on `high - low` bits.

    Example: x between -1 and 1, the bounds outside.
    ```mlir
    %y = fixed.spline %z shift 8 window [12, 20) {thresholds = array<i64: -65536, 65536>,
                                                  pieces = array<i64: -256, 0, 0, 0, 1, 0, 256, 0, 0>}
        : !fixed.tensor<1x8, scale = 16> -> !fixed.tensor<1x8, scale = 8>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$input, Fixed_Shift:$shift, Fixed_Shift:$low, Fixed_Shift:$high,
                       DenseI64ArrayAttr:$thresholds, DenseI64ArrayAttr:$pieces);
  let assemblyFormat = [{
    $input `shift` $shift `window` ` ` `[` $low `,` $high `)` attr-dict
    `:` qualified(type($input)) `->` qualified(type($result))
  }];
}

def Fixed_TruncateOp : Fixed_UnaryOp<"truncate"> {
  let summary = "Drop low bits: z >> shift, rounded up or down.";
  let description = [{
    Two truncations in a row do not fold: rounding twice is not rounding once.

    Constraints:
    - truncate_c1: the result has the operand's shape and scale(result) = scale(input) - shift.

    Cost: the operand is opened (one exchange of at most l bits).

    Example:
    ```mlir
    %y = fixed.truncate %z shift 9 : !fixed.tensor<1x64, scale = 20> -> !fixed.tensor<1x64, scale = 11>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$input, Fixed_Shift:$shift);
  let assemblyFormat = [{
    $input `shift` $shift attr-dict `:` qualified(type($input)) `->` qualified(type($result))
  }];
}

def Fixed_SquareOp : Fixed_UnaryOp<"square"> {
  let summary = "(z >> shift)^2, the shift rounded up or down.";
  let description = [{
    Constraints:
    - square_c1: the result has the operand's shape and scale(result) = 2 * (scale(input) - shift).

    Cost: the operand is opened (one exchange of at most l bits).

    Example:
    ```mlir
    %y = fixed.square %z shift 12 : !fixed.tensor<1x64, scale = 20> -> !fixed.tensor<1x64, scale = 16>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$input, Fixed_Shift:$shift);
  let assemblyFormat = [{
    $input `shift` $shift attr-dict `:` qualified(type($input)) `->` qualified(type($result))
  }];
}

def Fixed_MulOp : Fixed_Op<"mul", [Commutative]> {
  let summary = "Product of two values, element by element.";
  let description = [{
    Constraints:
    - mul_c1: operands and result have one shape and scale(result) = scale(lhs) + scale(rhs).

    Cost: both operands are opened.

    Example:
    ```mlir
    %y = fixed.mul %a, %b : (!fixed.tensor<1x8, scale = 9>, !fixed.tensor<1x8, scale = 8>)
        -> !fixed.tensor<1x8, scale = 17>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$lhs, Fixed_Tensor:$rhs);
  let results = (outs Fixed_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Fixed_MatMulOp : Fixed_Op<"mat_mul"> {
  let summary = "Products of matrices of two values.";
  let description = [{
    `lhs` is [G, M, K], `rhs` [G, K, N], `result` [G, M, N].

    Constraints:
    - mat_mul_c1: the shapes are those and scale(result) = scale(lhs) + scale(rhs).

    Cost: both operands are opened.

    Example:
    ```mlir
    %y = fixed.mat_mul %a, %b : (!fixed.tensor<2x9x4, scale = 9>, !fixed.tensor<2x4x9, scale = 8>)
        -> !fixed.tensor<2x9x9, scale = 17>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$lhs, Fixed_Tensor:$rhs);
  let results = (outs Fixed_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Fixed_MaxPool2dOp : Fixed_PoolOp<"max_pool2d"> {
  let summary = "Largest element of each window, by a tree of max(a, b) = b + relu(a - b).";
  let description = [{
    Each comparison decides the sign of a difference a - b on its bits [low, high), as `fixed.relu` does: right while
    `2^(low-1) <= |a - b| < 2^high - 2^low`, so each level of the tree is off by less than
    `2^(low-1)`. Positions in the padding are never chosen.

    Constraints:
    - max_pool2d_c1: operand and result have four axes and the result's shape follows from the geometry.
    - max_pool2d_c2: low < high <= 62.
    - max_pool2d_c3: scale(result) = scale(input).
    - max_pool2d_c4: no window lies in the padding alone.

    Cost: per level of the tree, half the remaining elements are opened and compared.

    Example:
    ```mlir
    %y = fixed.max_pool2d %x window [2, 14) {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>}
        : !fixed.tensor<1x4x8x8, scale = 11> -> !fixed.tensor<1x4x4x4, scale = 11>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$input, DenseI64ArrayAttr:$kernel, Fixed_Ones:$strides, Fixed_Ones:$dilations,
                       Fixed_Pads:$pads, Fixed_Shift:$low, Fixed_Shift:$high);
  let assemblyFormat = [{
    $input `window` ` ` `[` $low `,` $high `)` attr-dict `:` qualified(type($input)) `->` qualified(type($result))
  }];
}

// --- Local operations: the same on shares and on masked values ----------------------------------------------
def Fixed_SumPool2dOp : Fixed_PoolOp<"sum_pool2d"> {
  let summary = "Sum over each window; the padding counts as zero.";
  let description = [{
    The result's scale may be larger than the operand's: an average over 2^k elements is the sum, read at scale + k.

    Constraints:
    - sum_pool2d_c1: operand and result have four axes and the result's shape follows from the geometry.
    - sum_pool2d_c2: scale(result) >= scale(input).

    Example:
    ```mlir
    %y = fixed.sum_pool2d %x {kernel = array<i64: 8, 8>}
        : !fixed.tensor<1x64x8x8, scale = 9> -> !fixed.tensor<1x64x1x1, scale = 15>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$input, DenseI64ArrayAttr:$kernel, Fixed_Ones:$strides, Fixed_Ones:$dilations,
                       Fixed_Pads:$pads);
}

def Fixed_AddOp : Fixed_SameTypeBinaryOp<"add", [Commutative]> {
  let summary = "Sum of two values of one shape and one scale.";
  let description = [{
    Example: `%y = fixed.add %a, %b : !fixed.tensor<1x8, scale = 9>`
  }];
}

def Fixed_SubOp : Fixed_SameTypeBinaryOp<"sub"> {
  let summary = "Difference of two values of one shape and one scale.";
  let description = [{
    Example: `%y = fixed.sub %a, %b : !fixed.tensor<1x8, scale = 9>`
  }];
}

def Fixed_AddWeightOp : Fixed_Op<"add_weight", [AllTypesMatch<["input", "weight", "result"]>]> {
  let summary = "Sum of a value and a weight of the same shape and scale.";
  let description = [{
    Constraints:
    - add_weight_c1: `weight` is the result of `fixed.weight`.

    Example: `%y = fixed.add_weight %x, %w : !fixed.tensor<1x8, scale = 9>`
  }];
  let arguments = (ins Fixed_Tensor:$input, Fixed_Tensor:$weight);
  let results = (outs Fixed_Tensor:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` qualified(type($result))";
}

def Fixed_RescaleOp : Fixed_UnaryOp<"rescale"> {
  let summary = "Product with a public integer; the result's type says what it means.";
  let description = [{
    `factor = 2^k` with scale + k keeps the value and makes room for an operand of a larger scale; `factor = 21` with
    scale + 10 multiplies by about 1/49; `factor = 1` with scale + k halves the value k times.

    Constraints:
    - rescale_c1: the result has the operand's shape.
    - rescale_c2: `factor` is not zero.

    Example:
    ```mlir
    %y = fixed.rescale %x by 8 : !fixed.tensor<1x8, scale = 9> -> !fixed.tensor<1x8, scale = 12>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$input, I64Attr:$factor);
  let assemblyFormat = [{
    $input `by` $factor attr-dict `:` qualified(type($input)) `->` qualified(type($result))
  }];
}

// --- Shapes -------------------------------------------------------------------------------------------------
def Fixed_ReshapeOp : Fixed_UnaryOp<"reshape"> {
  let summary = "The same elements in the same order, in another shape.";
  let description = [{
    Constraints:
    - reshape_c1: the number of elements and the scale stay.

    Example: `%y = fixed.reshape %x : !fixed.tensor<1x4x2x2, scale = 9> -> !fixed.tensor<1x16, scale = 9>`
  }];
}

def Fixed_TransposeOp : Fixed_UnaryOp<"transpose"> {
  let summary = "Reorder axes: result axis i is operand axis permutation[i].";
  let description = [{
    Constraints:
    - transpose_c1: `permutation` names every axis of the operand once.
    - transpose_c2: the result has the permuted shape and the operand's scale.

    Example:
    ```mlir
    %y = fixed.transpose %x {permutation = array<i64: 1, 0>}
        : !fixed.tensor<2x3, scale = 9> -> !fixed.tensor<3x2, scale = 9>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$input, DenseI64ArrayAttr:$permutation);
}

def Fixed_ConcatOp : Fixed_Op<"concat"> {
  let summary = "Join values along one axis.";
  let description = [{
    Constraints:
    - concat_c1: `axis` is an axis of the result; operands agree with it on all other axes and add up along it.
    - concat_c2: all have one scale.

    Example:
    ```mlir
    %y = fixed.concat %a, %b {axis = 1 : i64}
        : (!fixed.tensor<1x2, scale = 9>, !fixed.tensor<1x3, scale = 9>) -> !fixed.tensor<1x5, scale = 9>
    ```
  }];
  let arguments = (ins Variadic<Fixed_Tensor>:$inputs, ConfinedAttr<I64Attr, [IntNonNegative]>:$axis);
  let results = (outs Fixed_Tensor:$result);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
}

def Fixed_TakeOp : Fixed_UnaryOp<"take"> {
  let summary = "Pick positions along one axis; index -1 gives zero.";
  let description = [{
    Slices, splits, pads with zero, nearest-neighbour upsampling and constant gathers are all of this form.

    Constraints:
    - take_c1: `axis` is an axis of the operand and each index is -1 or a position on it.
    - take_c2: the result has as many positions there as there are indices, and the operand's other axes and scale.

    Example:
    ```mlir
    %y = fixed.take %x {axis = 1 : i64, indices = array<i64: -1, 0, 1>}
        : !fixed.tensor<1x2, scale = 9> -> !fixed.tensor<1x3, scale = 9>
    ```
  }];
  let arguments = (ins Fixed_Tensor:$input, ConfinedAttr<I64Attr, [IntNonNegative]>:$axis, DenseI64ArrayAttr:$indices);
}

#endif // GFS_DIALECTS_FIXED_FIXEDOPS_TD
