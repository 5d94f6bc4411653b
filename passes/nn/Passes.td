// SPDX-License-Identifier: Apache-2.0
// Passes on the nn dialect, in the order the pipeline runs them.
#ifndef GFS_PASSES_NN_PASSES_TD
#define GFS_PASSES_NN_PASSES_TD

include "mlir/Pass/PassBase.td"

def NnFoldConstants : Pass<"nn-fold-constants", "::mlir::func::FuncOp"> {
  let summary = "Compute operations on constants, and drop unused operations.";
  let description = [{
    Operations all of whose operands are constants become a constant: arithmetic, functions, shape operations, layers,
    normalisations, poolings and softmaxes. A splat stays one in arithmetic. Constants of more than 2^24 elements are left alone
    unless an operand is that large already, and so are layers of more than 2^32 multiplications.

    - Before: any `nn` function. After: the same function, fewer operations.
    - Cost: never more.
    - Numerics: f32 arithmetic, as the model's own runtime would do it; sums of layers in f64.
  }];
  let statistics = [Statistic<"numFolded", "num-folded", "Operations on constants computed">];
}

def NnPostProcessLast : Pass<"nn-post-process-last", "::mlir::func::FuncOp"> {
  let summary = "Move transposes before what the client computes of an output.";
  let description = [{
    A softmax, an argmax or the largest elements along an axis, whose only user is a transpose that is returned, become
    that of the transposed operand, so that they come last: `transpose(f(x)) = f(transpose(x))`.

    - Before: any `nn` function. After: the same function.
    - Cost: none; shares are transposed without an exchange.
    - Numerics: exact.
  }];
  let statistics = [Statistic<"numMoved", "num-moved", "Transposes that were moved">];
}

def NnExpandSoftmax : Pass<"nn-expand-softmax", "::mlir::func::FuncOp"> {
  let summary = "Compute softmaxes that do not come last from maxima, exponentials and a quotient.";
  let description = [{
    The client applies softmaxes of outputs. Any other is what the servers compute: with
    `t = x - max(x)` along the axis and `e = exp(t)`, `softmax` becomes `e * (1 / sum(e))` and `log_softmax` `t - log(sum(e))`.
    Where the only user is a matrix product or a convolution of one pixel that sums over the axis and makes fewer elements, as
    in heads of detectors that take the mean of a distribution, the quotient is taken behind it: `W (e / s) = (W e) / s`.

    - Before: any `nn` function. After: the same function; `softmax` and `log_softmax` come last.
    - Cost: for n elements along the axis, n - 1 comparisons and n splines, and one spline and n products, or as many products
      as the layer behind has results.
    - Numerics: f32; no exponential is above 1, and the sum is 1 to n.
  }];
  let statistics = [Statistic<"numExpanded", "num-expanded", "Softmaxes that the servers compute">];
}

def NnRecogniseFunctions : Pass<"nn-recognise-functions", "::mlir::func::FuncOp"> {
  let summary = "Find functions that exporters write in several operations.";
  let description = [{
    Products of a value, scalars and one function of that value become one `nn.function`, up to a scalar:
    - x sigmoid(a x) is `silu`, x tanh(softplus(x)) is `mish`;
    - x (1 + erf(x / sqrt 2)) / 2 is `gelu`, x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 is `gelu_tanh`;
    - clip(x + b, 0, c) / c is `hard_sigmoid`; x times it, with c = 6 and b = 3, is `hard_swish`;
    - 1 / sqrt(x) and sqrt(1 / x) are `rsqrt`, as normalisations have it.

    Scalars may stand anywhere in the product. Constants are recognised to five digits. What becomes a parameter of a function is public, so
    a and b must be round numbers (of three decimals, or reciprocals of such), which training does not find.

    - Before: any `nn` function. After: the same function, fewer operations.
    - Cost: one spline instead of a spline and a product of secrets, which would open two values more.
    - Numerics: exact up to the digits of the constants.
  }];
  let statistics = [Statistic<"numRecognised", "num-recognised", "Functions recognised">];
}

def NnFoldBatchNorm : Pass<"nn-fold-batch-norm", "::mlir::func::FuncOp"> {
  let summary = "Fold batch normalisation into the linear layer before or behind it.";
  let description = [{
    `batch_norm(conv2d(x, w, b))` becomes `conv2d(x, w * f, (b - mean) * f + bias)` with f = scale / sqrt(var + epsilon) per
    output channel; the same for `linear`. Only where the linear layer has no other use. Where there is none before it, the
    layer behind takes factor and offset into its input channels, if the normalisation has no other use and no padding lies
    between. Else `layer(f x + o)` becomes `layer'(x + o / f)`: the sum is local, the factor goes into the weights; also past
    ReLUs and poolings where all factors are positive (that they are, the plan then shows), and only if the statistics say
    that x + o / f needs no format much wider than that of x. Any other normalisation stays and becomes a depthwise 1x1
    convolution in fixed point.

    - Before: any `nn` function. After: no `nn.batch_norm` beside a `conv2d` or `linear` that can take it.
    - Cost: one linear layer less per fold.
    - Numerics: weights are computed in f64 and rounded to f32 once.
  }];
  let statistics = [Statistic<"numFolded", "num-folded", "Normalisations folded">];
}

def NnFoldElementwise : Pass<"nn-fold-elementwise", "::mlir::func::FuncOp"> {
  let summary = "Fold products with and sums of constants per channel into the linear layer beside them.";
  let description = [{
    `mul`, `add` and `sub` with a constant that is equal along all axes but the channels' (a scalar, or shape [C,1,1] after
    `conv2d`, [N] after `linear`) change that layer's weights and bias. Only where the layer has no other use. Before a
    layer, they go into its input channels: a factor always, an offset where the layer has no padding.

    - Before: any `nn` function. After: the same function, fewer operations.
    - Cost: one operation less per fold, sometimes a linear layer less.
    - Numerics: weights are computed in f64 and rounded to f32 once.
  }];
  let statistics = [Statistic<"numFolded", "num-folded", "Operations folded">];
}

def NnRecogniseQuadratics : Pass<"nn-recognise-quadratics", "::mlir::func::FuncOp"> {
  let summary = "Find the quadratics that a model spells out in sums and products.";
  let description = [{
    Every expression of `add`, `sub`, `mul` and `square` that is a x^2 + b x + c of one value x, the coefficients constant per
    channel (or for all), becomes one `nn.mixed_activation`: x * x, a * x * x + b * x + c, x * (a * x + b) + c, (x + h)^2 and so on. So does
    m * relu(x) + p(x) where each channel is either ReLU (m = 1, p = 0) or polynomial (m = 0), which is how `--emit=onnx` writes
    `nn.mixed_activation`.

    - Before: any `nn` function. After: the same function, fewer operations.
    - Cost: never more.
    - Numerics: coefficients are computed in f64 and rounded to f32 once.
  }];
  let statistics = [Statistic<"numRecognised", "num-recognised", "Expressions replaced">];
}

def NnChooseActivations : Pass<"nn-choose-activations", "::mlir::func::FuncOp"> {
  let summary = "Turn ReLU channels into the polynomials that were chosen for them.";
  let description = [{
    The attribute `nn.choices` of an `nn.relu` on [N, C, ...] lists one choice for all channels or one for each:
    - `"relu"` (or `"free"`) stays;
    - `"zero"`, `"identity"`;
    - `{a = 0.2, b = 0.5, c = 0.1}` is a x^2 + b x + c, what is missing being zero;
    - `"linear"` and `"quadratic"` are fitted to the batch normalisation right before: its channels have mean m = bias and deviation
      s = |scale|, and for normal values the nearest polynomials to max(x, 0) are the first terms of the expansion

          E[relu] + s P t + (s p / 2) (t^2 - 1),   t = (x - m) / s,   P = Phi(m / s),   p = phi(m / s).

    `pins=FILE` writes the attribute first, from a file as `gfscc --pin` reads it, which may also hold coefficients as objects. Which choices are
    good is decided elsewhere: `gfscc --replace` searches with data (compiler/choose), and applies what it found by this pass.

    - Before: any `nn` function. After: an `nn.mixed_activation` for each ReLU of which a channel goes; no `nn.choices`.
    - Cost: fewer comparisons.
    - Numerics: an approximation, chosen by the user. Coefficients are computed in f64 and rounded to f32 once.
  }];
  let options = [Option<"pinFile", "pins", "std::string", /*default=*/"", "Choices by layer name, JSON">];
  let statistics = [Statistic<"numReplaced", "num-replaced", "ReLU channels replaced">];
}

def NnBalanceSums : Pass<"nn-balance-sums", "::mlir::func::FuncOp"> {
  let summary = "Hold the values of residual sums times factors per channel, so that the quadratics behind them are bare squares.";
  let description = [{
    Behind a linear layer, `nn-fuse-mixed-linear` lets the layer's weights take what completing the square needs. Behind a residual sum there is no
    such layer: the factor `a` would stay behind the square, and where the result is added to something again, a depthwise layer would have to
    apply it. So each channel x of a sum is held as t x, and the result as u p(x). With

        t = sqrt(u |a|)   for a x^2 + b x + c,        t = u |b|   for a line,        t = u   for a ReLU,

    the leading coefficient of what is left, u p(x / t), is 1 or -1. Factors are found from the last activation to the first: the addend that comes
    from an earlier activation has that one's u. A geometric mean of |a| and u, t stays near them however many blocks follow each other.
    Layers that make such a value multiply their weights by t, layers that use it divide by t. Values that anything but linear layers, sums, ReLUs,
    poolings and mixed activations makes or uses keep t = 1, and so do channels whose t would lie outside [2^-6, 2^6].

    - Before: any `nn` function. After: the same function with other weights and coefficients.
    - Cost: none; saves a linear layer (one exchange and a factor of the ring) for each mixed activation behind a sum.
    - Numerics: exact but for the rounding of weights to f32.
  }];
  let statistics = [Statistic<"numRescaled", "num-rescaled", "Layers and activations with other factors">];
}

def NnFuseMixedLinear : Pass<"nn-fuse-mixed-linear", "::mlir::func::FuncOp"> {
  let summary = "Turn mixed activations into bare squares and ReLUs; coefficients go into weights.";
  let description = [{
    A quadratic channel is completed to a square:

        a x^2 + b x + c = s (r x + s b / 2r)^2 + (c - b^2 / 4a),   r = sqrt|a|, s = sign(a).

    Behind a linear layer, r and s b / 2r go into its weights and bias, a linear channel entirely. Elsewhere, after a residual sum say, b / 2a is added
    to the value and a stays behind the square. What stays behind a gate, s or a, and the constant, goes into the weights of the
    linear layers that follow, through average poolings and reshapes. A layer with padding takes the factor; the constant, which its
    padding does not have, is added to the value before. For users that are no linear layers, signs and other factors are applied by a
    depthwise layer: which channels are negated is as secret as a weight. Channels of different kinds are taken apart before the gates and joined after them: each value is
    opened once, all gates work on the same exchange, and only ReLU channels need comparisons. Channels with a = b = 0 need no gate at all.

    A channel with |a| <= 2^-12 |b| is taken for linear.

    - Before: any `nn` function. After: no `nn.mixed_activation` with constant coefficients.
    - Cost: per quadratic element a square (no comparison) instead of a ReLU.
    - Numerics: weights are computed in f64 and rounded to f32 once. Where |b / 2a| is many times larger than |x|, the square is large
      and its constant cancels it: log2 |b / 2ax| bits are lost.
  }];
  let statistics = [Statistic<"numFused", "num-fused", "Mixed activations turned into gates">];
}

def NnSinkTransposes : Pass<"nn-sink-transposes", "::mlir::func::FuncOp"> {
  let summary = "Move transposes towards the outputs, where they meet others and cancel.";
  let description = [{
    Exports with channels last wrap each convolution and pooling into two transposes. `op(transpose(x))` becomes
    `transpose(op(x))` for activations, for `add`, `sub` and `mul` whose other operand is transposed likewise or constant, and
    for `concat`, `take` and `pad`, whose axes are renamed. Two transposes become one, or none; one that moves only axes of
    extent 1 becomes a reshape.

    - Before: any `nn` function. After: no transpose before such an operation.
    - Cost: never more; layers that were kept apart by transposes can be folded.
    - Numerics: exact.
  }];
  let statistics = [Statistic<"numMoved", "num-moved", "Operations that a transpose moved past">];
}

def NnCommuteReluMaxPool : Pass<"nn-commute-relu-max-pool", "::mlir::func::FuncOp"> {
  let summary = "Take the maximum before the ReLU: fewer ReLUs.";
  let description = [{
    `max_pool2d(relu(x))` becomes `relu(max_pool2d(x))`, which is the same because ReLU never falls. A 2x2 pooling leaves a
    quarter of the ReLUs. Only where the ReLU has no other use and the pooling makes fewer elements than it takes; what only
    moves elements (reshapes, transposes) may lie between.

    - Before: any `nn` function. After: no such pair.
    - Cost: fewer comparisons; exchanges stay.
    - Numerics: exact.
  }];
  let statistics = [Statistic<"numCommuted", "num-commuted", "Pairs put in the other order">];
}

def NnCheckSecurable : Pass<"nn-check-securable", "::mlir::func::FuncOp"> {
  let summary = "Refuse what has no private form, all of it at once.";
  let description = [{
    The border to fixed point. Checks that the function has one block of `nn` operations; that weights, biases and statistics
    of linear layers and normalisations are constants; that `argmax`, `top_values` and `top_indices` (and any `softmax` and `log_softmax`)
    come last; that all constants are finite; and that no result and no operation is made of constants alone. Each offender is
    named with what to do.

    - Before: any `nn` function. After: the same function, convertible to fixed point up to its ranges.
    - Cost: none.
    - Numerics: exact.
  }];
}

#endif // GFS_PASSES_NN_PASSES_TD
