// SPDX-License-Identifier: Apache-2.0
// Operations of the nn dialect.
#ifndef GFS_DIALECTS_NN_NNOPS_TD
#define GFS_DIALECTS_NN_NNOPS_TD

include "dialects/nn/NnDialect.td"
include "mlir/IR/EnumAttr.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// --- Class ladder -------------------------------------------------------------------------------------------
class Nn_Op<string mnemonic, list<Trait> traits = []> : Op<Nn_Dialect, mnemonic, [Pure] # traits> {
  let hasVerifier = 1;
}

class Nn_UnaryOp<string mnemonic, list<Trait> traits = []> : Nn_Op<mnemonic, traits> {
  let arguments = (ins Nn_Tensor:$input);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

// Element by element, on one operand: no verifier of its own is needed.
class Nn_ActivationOp<string mnemonic, list<Trait> traits = []>
    : Nn_UnaryOp<mnemonic, traits # [AllTypesMatch<["input", "result"]>]> {
  let assemblyFormat = "$input attr-dict `:` type($result)";
  let hasVerifier = 0;
}

// Element by element, on two operands, extents of 1 being repeated.
class Nn_BroadcastOp<string mnemonic, list<Trait> traits = []> : Nn_Op<mnemonic, traits> {
  let arguments = (ins Nn_Tensor:$lhs, Nn_Tensor:$rhs);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Nn_Ones : DefaultValuedAttr<DenseI64ArrayAttr, "{1, 1}">;
def Nn_Pads : DefaultValuedAttr<DenseI64ArrayAttr, "{0, 0, 0, 0}">;
def Nn_Axis : ConfinedAttr<I64Attr, [IntNonNegative]>;

// --- Constants and linear layers ----------------------------------------------------------------------------
def Nn_ConstantOp : Nn_Op<"constant", [ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "Weights, biases and other constants of the model.";
  let description = [{
    Splats and constants of at most 16 elements are written out; anything else is a dense resource (`makeConstant` in
    NnConstants.h makes either, `ConstantData` reads either).

    Constraints:
    - constant_c1: `value` is dense, or a dense resource of as many bytes as its type needs.

    Example: `%b = nn.constant dense<[0.5, -1.0]> : tensor<2xf32>`
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$value attr-dict";
  let builders = [OpBuilder<(ins "::mlir::ElementsAttr":$value), [{
    build($_builder, $_state, value.getType(), value);
  }]>];
  let hasFolder = 1;
}

def Nn_Conv2dOp : Nn_Op<"conv2d"> {
  let summary = "2-D convolution, with a bias per output channel.";
  let description = [{
    `input` is [N, I, H, W], `weight` [O, I/groups, KH, KW], `bias` [O]. `pads` are top, left, bottom, right, of zeros.

    Constraints:
    - conv2d_c1: input, weight and result have four axes and the result's shape follows from the geometry.
    - conv2d_c2: `groups` divides the output channels, and the weight has I/groups channels.
    - conv2d_c3: the bias has one element per output channel.

    Example:
    ```mlir
    %z = nn.conv2d %x, %w bias %b {pads = array<i64: 1, 1, 1, 1>}
        : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>, tensor<4xf32>) -> tensor<1x4x8x8xf32>
    ```
  }];
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$weight, Optional<Nn_Tensor>:$bias, Nn_Ones:$strides,
                       Nn_Ones:$dilations, Nn_Pads:$pads,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$groups);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def Nn_LinearOp : Nn_Op<"linear"> {
  let summary = "Matrix product with a transposed weight: result = input * weight^T + bias.";
  let description = [{
    `input` is [M, K], `weight` [N, K], `bias` [N], `result` [M, N].

    Constraints:
    - linear_c1: the shapes are those.
    - linear_c2: the bias has one element per column of the result.

    Example:
    ```mlir
    %y = nn.linear %x, %w : (tensor<1x64xf32>, tensor<10x64xf32>) -> tensor<1x10xf32>
    ```
  }];
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$weight, Optional<Nn_Tensor>:$bias);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def Nn_MatMulOp : Nn_Op<"mat_mul"> {
  let summary = "Products of matrices, both of which the network computes.";
  let description = [{
    `lhs` is [G, M, K], `rhs` [G, K, N], `result` [G, M, N]: G products. Attention has them, of queries and keys and of weights and
    values. Products by constants are `nn.linear` and `nn.conv2d`.

    Constraints:
    - mat_mul_c1: the shapes are those.

    Example:
    ```mlir
    %y = nn.mat_mul %a, %b : (tensor<2x49x32xf32>, tensor<2x32x49xf32>) -> tensor<2x49x49xf32>
    ```
  }];
  let arguments = (ins Nn_Tensor:$lhs, Nn_Tensor:$rhs);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Nn_BatchNormOp : Nn_Op<"batch_norm", [AllTypesMatch<["input", "result"]>,
                                         AllTypesMatch<["scale", "bias", "mean", "var"]>]> {
  let summary = "Batch normalisation with stored statistics: scale * (x - mean) / sqrt(var + epsilon) + bias.";
  let description = [{
    `input` is [N, C, ...]; the four parameters have one element per channel.

    Constraints:
    - batch_norm_c1: the input has at least two axes and each parameter has shape [C].
    - batch_norm_c2: `epsilon` is finite and not negative.

    Example:
    ```mlir
    %y = nn.batch_norm %x, %s, %b, %m, %v {epsilon = 1.0e-5 : f64} : tensor<1x4x8x8xf32>, tensor<4xf32>
    ```
  }];
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$scale, Nn_Tensor:$bias, Nn_Tensor:$mean, Nn_Tensor:$var,
                       DefaultValuedAttr<F64Attr, "1.0e-5">:$epsilon);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $scale `,` $bias `,` $mean `,` $var attr-dict `:` type($input) `,` type($scale)
  }];
}

// --- Activations --------------------------------------------------------------------------------------------
def Nn_ReluOp : Nn_ActivationOp<"relu"> {
  let summary = "max(x, 0).";
  let description = [{
    Example: `%y = nn.relu %x : tensor<1x4x8x8xf32>`
  }];
  let hasFolder = 1;
}

def Nn_SquareOp : Nn_ActivationOp<"square"> {
  let summary = "x * x.";
  let description = [{
    Example: `%y = nn.square %x : tensor<1x4x8x8xf32>`
  }];
}

def Nn_MixedActivationOp : Nn_Op<"mixed_activation", [AllTypesMatch<["input", "result"]>,
                                                     AllTypesMatch<["a", "b", "c"]>]> {
  let summary = "Per channel max(x, 0) or the quadratic a x^2 + b x + c.";
  let description = [{
    `input` is [N, C, ...]; `a`, `b` and `c` have one element per channel. Channels whose entry of `relu` is true become
    max(x, 0), and their coefficients do not count; without `relu`, all are quadratics. a = 0 makes a channel linear,
    a = b = 0 a constant. What polynomials of a model become, and what replaces ReLUs by cheaper functions: a quadratic needs no
    comparison. `nn-fuse-mixed-linear` turns it into squares, ReLUs and weights.

    Constraints:
    - mixed_activation_c1: the input has at least two axes and each coefficient has shape [C].
    - mixed_activation_c2: `relu` is empty or has one entry per channel.

    Example:
    ```mlir
    %y = nn.mixed_activation %x, %a, %b, %c {relu = array<i1: true, false>} : tensor<1x2x8x8xf32>, tensor<2xf32>
    ```
  }];
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$a, Nn_Tensor:$b, Nn_Tensor:$c,
                       DefaultValuedAttr<DenseBoolArrayAttr, "{}">:$relu);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$input `,` $a `,` $b `,` $c attr-dict `:` type($input) `,` type($a)";
  let extraClassDeclaration = [{
    bool isRelu(size_t channel) { return !getRelu().empty() && getRelu()[channel]; }
  }];
}

class Nn_FunctionCase<string symbol, int value, string name> : I32EnumAttrCase<symbol, value, name>;
def Nn_FunctionKind : I32EnumAttr<"FunctionKind", "a real function of one variable", [
  Nn_FunctionCase<"Clip", 0, "clip">,
  Nn_FunctionCase<"HardSigmoid", 1, "hard_sigmoid">,
  Nn_FunctionCase<"HardSwish", 2, "hard_swish">,
  Nn_FunctionCase<"ThresholdedRelu", 3, "thresholded_relu">,
  Nn_FunctionCase<"Sigmoid", 4, "sigmoid">,
  Nn_FunctionCase<"Tanh", 5, "tanh">,
  Nn_FunctionCase<"Silu", 6, "silu">,
  Nn_FunctionCase<"Gelu", 7, "gelu">,
  Nn_FunctionCase<"GeluTanh", 8, "gelu_tanh">,
  Nn_FunctionCase<"Erf", 9, "erf">,
  Nn_FunctionCase<"Elu", 10, "elu">,
  Nn_FunctionCase<"Selu", 11, "selu">,
  Nn_FunctionCase<"Celu", 12, "celu">,
  Nn_FunctionCase<"Softplus", 13, "softplus">,
  Nn_FunctionCase<"Softsign", 14, "softsign">,
  Nn_FunctionCase<"Mish", 15, "mish">,
  Nn_FunctionCase<"Exp", 16, "exp">,
  Nn_FunctionCase<"Log", 17, "log">,
  Nn_FunctionCase<"Sqrt", 18, "sqrt">,
  Nn_FunctionCase<"Rsqrt", 19, "rsqrt">,
  Nn_FunctionCase<"Reciprocal", 20, "reciprocal">,
  Nn_FunctionCase<"Power", 21, "power">
]> {
  let cppNamespace = "::gfs::nn";
}

def Nn_FunctionOp : Nn_Op<"function", [AllTypesMatch<["input", "result"]>]> {
  let summary = "A real function of one variable, element by element.";
  let description = [{
    | kind | parameters | value at x |
    | --- | --- | --- |
    | `clip` | a, b | x between the bounds, the bounds outside |
    | `hard_sigmoid` | a, b | a x + b between 0 and 1 |
    | `hard_swish` | | x times (x + 3) / 6 between 0 and 1 |
    | `thresholded_relu` | a | x where x > a, else 0 |
    | `sigmoid`, `tanh`, `erf` | | as named |
    | `silu` | a | x sigmoid(a x) |
    | `gelu` | | x (1 + erf(x / sqrt 2)) / 2 |
    | `gelu_tanh` | | x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 |
    | `elu` | a | x where x > 0, else a (exp(x) - 1) |
    | `selu` | a, g | g elu(x) |
    | `celu` | a | x where x > 0, else a (exp(x / a) - 1) |
    | `softplus` | | log(1 + exp(x)) |
    | `softsign` | | x / (1 + abs(x)) |
    | `mish` | | x tanh(softplus(x)) |
    | `exp` | | as named |
    | `log`, `rsqrt` | | natural logarithm, 1 / sqrt(x), for x > 0 |
    | `sqrt` | | as named, for x >= 0 |
    | `reciprocal` | | 1 / x, for x of one sign |
    | `power` | e | x^e; for x > 0 (x >= 0 if e > 0) unless e is an integer |

    `NnFunctions.h` computes them. In private a function becomes a piecewise polynomial on the calibrated range, which
    must lie where the function is defined. `at_most` is what no element of the operand exceeds, whatever the network's
    input is: no piece is spent above it.

    Constraints:
    - function_c1: `parameters` has the kind's number of entries, all finite.
    - function_c2: bounds of `clip` ascend, slopes of `hard_sigmoid`, `silu` and `celu` are positive.
    - function_c3: `at_most` is not NaN.

    Example:
    ```mlir
    %y = nn.function sigmoid %x : tensor<1x4x8x8xf32>
    %z = nn.function clip %x {parameters = array<f64: 0.0, 6.0>} : tensor<1x4x8x8xf32>
    %e = nn.function exp %t {at_most = 0.0} : tensor<1x4x8x8xf32>
    ```
  }];
  let arguments = (ins Nn_FunctionKind:$kind, Nn_Tensor:$input,
                       DefaultValuedAttr<DenseF64ArrayAttr, "{}">:$parameters,
                       OptionalAttr<F64Attr>:$at_most);
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "FunctionKind":$kind, "::mlir::Value":$input,
                                 "::llvm::ArrayRef<double>":$parameters), [{
    build($_builder, $_state, type, kind, input, parameters, ::mlir::FloatAttr());
  }]>];
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$kind $input attr-dict `:` type($result)";
}

// --- Pooling ------------------------------------------------------------------------------------------------
def Nn_MaxPool2dOp : Nn_UnaryOp<"max_pool2d"> {
  let summary = "Largest element of each window; the padding is never chosen.";
  let description = [{
    `pads` (top, left, bottom, right) already hold what rounding up and automatic padding add, so
    `H' = floor((H + pads - ((KH - 1) * dilation + 1)) / stride) + 1`.

    Constraints:
    - max_pool2d_c1: operand and result have four axes and the result's shape follows from the geometry.
    - max_pool2d_c2: no window lies in the padding alone.

    Example:
    ```mlir
    %y = nn.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>}
        : tensor<1x4x8x8xf32> -> tensor<1x4x4x4xf32>
    ```
  }];
  let arguments = (ins Nn_Tensor:$input, DenseI64ArrayAttr:$kernel, Nn_Ones:$strides, Nn_Ones:$dilations,
                       Nn_Pads:$pads);
}

def Nn_AvgPool2dOp : Nn_UnaryOp<"avg_pool2d"> {
  let summary = "Mean of each window.";
  let description = [{
    Geometry as `nn.max_pool2d`. With `count_include_pad` the sum of the window, its padding counting as zero, is divided by
    the kernel's size; without, by the number of its elements outside the padding.

    Constraints:
    - avg_pool2d_c1: operand and result have four axes and the result's shape follows from the geometry.
    - avg_pool2d_c2: without `count_include_pad`, no window lies in the padding alone.

    Example:
    ```mlir
    %y = nn.avg_pool2d %x {kernel = array<i64: 8, 8>} : tensor<1x4x8x8xf32> -> tensor<1x4x1x1xf32>
    ```
  }];
  let arguments = (ins Nn_Tensor:$input, DenseI64ArrayAttr:$kernel, Nn_Ones:$strides, Nn_Ones:$dilations,
                       Nn_Pads:$pads, DefaultValuedAttr<BoolAttr, "true">:$count_include_pad);
}

// --- Arithmetic with broadcasting ---------------------------------------------------------------------------
def Nn_AddOp : Nn_BroadcastOp<"add", [Commutative]> {
  let summary = "Sum, element by element, with broadcasting.";
  let description = [{
    Constraints:
    - add_c1: the result's shape is the broadcast of the operands' shapes (axes aligned at the end; 1 repeats).

    Example:
    ```mlir
    %y = nn.add %x, %b : (tensor<1x4x8x8xf32>, tensor<4x1x1xf32>) -> tensor<1x4x8x8xf32>
    ```
  }];
}

def Nn_SubOp : Nn_BroadcastOp<"sub"> {
  let summary = "Difference, element by element, with broadcasting.";
  let description = [{
    Constraints:
    - sub_c1: the result's shape is the broadcast of the operands' shapes.

    Example: `%y = nn.sub %a, %b : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>`
  }];
}

def Nn_MulOp : Nn_BroadcastOp<"mul", [Commutative]> {
  let summary = "Product, element by element, with broadcasting.";
  let description = [{
    Constraints:
    - mul_c1: the result's shape is the broadcast of the operands' shapes.

    Example: `%y = nn.mul %a, %b : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>`
  }];
  let hasCanonicalizeMethod = 1;
}

// --- Shapes -------------------------------------------------------------------------------------------------
def Nn_ReshapeOp : Nn_UnaryOp<"reshape"> {
  let summary = "The same elements in the same order, in another shape.";
  let description = [{
    Constraints:
    - reshape_c1: the number of elements stays.

    Example: `%y = nn.reshape %x : tensor<1x4x2x2xf32> -> tensor<1x16xf32>`
  }];
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Nn_TransposeOp : Nn_UnaryOp<"transpose"> {
  let summary = "Reorder axes: result axis i is operand axis permutation[i].";
  let description = [{
    Constraints:
    - transpose_c1: `permutation` names every axis of the operand once.
    - transpose_c2: the result has the permuted shape.

    Example: `%y = nn.transpose %x {permutation = array<i64: 1, 0>} : tensor<2x3xf32> -> tensor<3x2xf32>`
  }];
  let arguments = (ins Nn_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Nn_ConcatOp : Nn_Op<"concat"> {
  let summary = "Join values along one axis.";
  let description = [{
    Constraints:
    - concat_c1: `axis` is an axis of the result; operands agree with it on all other axes and add up along it.

    Example:
    ```mlir
    %y = nn.concat %a, %b {axis = 1 : i64} : (tensor<1x2xf32>, tensor<1x3xf32>) -> tensor<1x5xf32>
    ```
  }];
  let arguments = (ins Variadic<Nn_Tensor>:$inputs, Nn_Axis:$axis);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Nn_TakeOp : Nn_UnaryOp<"take"> {
  let summary = "Pick positions along one axis; index -1 gives zero.";
  let description = [{
    Slices, splits, pads with zeros, edges or reflections, nearest-neighbour upsampling and gathers with constant indices are
    all of this form.

    Constraints:
    - take_c1: `axis` is an axis of the operand and each index is -1 or a position on it.
    - take_c2: the result has as many positions there as there are indices, and the operand's other axes.

    Example:
    ```mlir
    %y = nn.take %x {axis = 1 : i64, indices = array<i64: -1, 0, 1>} : tensor<1x2xf32> -> tensor<1x3xf32>
    ```
  }];
  let arguments = (ins Nn_Tensor:$input, Nn_Axis:$axis, DenseI64ArrayAttr:$indices);
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Nn_PadOp : Nn_UnaryOp<"pad"> {
  let summary = "Surround with a constant other than zero; for zeros, see nn.take.";
  let description = [{
    Constraints:
    - pad_c1: `low` and `high` have one entry per axis, none negative, and `value` is finite.
    - pad_c2: the result's extents are `low + extent + high`.

    Example:
    ```mlir
    %y = nn.pad %x {low = array<i64: 0, 1>, high = array<i64: 0, 0>, value = 1.0 : f64}
        : tensor<1x2xf32> -> tensor<1x3xf32>
    ```
  }];
  let arguments = (ins Nn_Tensor:$input, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, F64Attr:$value);
}

// --- Post-processing of outputs, which the client applies ---------------------------------------------------
class Nn_SoftmaxLikeOp<string mnemonic> : Nn_Op<mnemonic, [AllTypesMatch<["input", "result"]>]> {
  let arguments = (ins Nn_Tensor:$input, Nn_Axis:$axis);
  let results = (outs Nn_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

def Nn_SoftmaxOp : Nn_SoftmaxLikeOp<"softmax"> {
  let summary = "exp(x) / sum(exp(x)) along one axis.";
  let description = [{
    Constraints:
    - softmax_c1: `axis` is an axis of the operand.

    Example: `%y = nn.softmax %x {axis = 1 : i64} : tensor<1x10xf32>`
  }];
}

def Nn_LogSoftmaxOp : Nn_SoftmaxLikeOp<"log_softmax"> {
  let summary = "x - log(sum(exp(x))) along one axis.";
  let description = [{
    Constraints:
    - log_softmax_c1: `axis` is an axis of the operand.

    Example: `%y = nn.log_softmax %x {axis = 1 : i64} : tensor<1x10xf32>`
  }];
}

def Nn_ArgmaxOp : Nn_UnaryOp<"argmax"> {
  let summary = "Position of the largest element along one axis, the first (or last) of equals, as a number.";
  let description = [{
    Constraints:
    - argmax_c1: `axis` is an axis of the operand; the result has extent 1 there, or lacks it.

    Example: `%y = nn.argmax %x {axis = 1 : i64} : tensor<1x10xf32> -> tensor<1xf32>`
  }];
  let arguments = (ins Nn_Tensor:$input, Nn_Axis:$axis, DefaultValuedAttr<BoolAttr, "false">:$last);
}

class Nn_TopOp<string mnemonic> : Nn_UnaryOp<mnemonic> {
  let arguments = (ins Nn_Tensor:$input, Nn_Axis:$axis, DefaultValuedAttr<BoolAttr, "true">:$largest);
}

def Nn_TopValuesOp : Nn_TopOp<"top_values"> {
  let summary = "The largest (or smallest) elements along one axis, the largest (smallest) first.";
  let description = [{
    Constraints:
    - top_values_c1: `axis` is an axis of the operand; the result has its shape, with 1 to as many elements there.

    Example: `%y = nn.top_values %x {axis = 1 : i64} : tensor<1x10xf32> -> tensor<1x3xf32>`
  }];
}

def Nn_TopIndicesOp : Nn_TopOp<"top_indices"> {
  let summary = "Where the elements of `nn.top_values` are, as numbers; of equal ones the first comes first.";
  let description = [{
    Constraints:
    - top_indices_c1: `axis` is an axis of the operand; the result has its shape, with 1 to as many elements there.

    Example: `%y = nn.top_indices %x {axis = 1 : i64, largest = false} : tensor<1x10xf32> -> tensor<1x3xf32>`
  }];
}

#endif // GFS_DIALECTS_NN_NNOPS_TD
