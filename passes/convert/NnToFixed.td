// SPDX-License-Identifier: Apache-2.0
// The conversion from real numbers to integers of a ring.
#ifndef GFS_PASSES_CONVERT_NNTOFIXED_TD
#define GFS_PASSES_CONVERT_NNTOFIXED_TD

include "mlir/Pass/PassBase.td"

def ConvertNnToFixed : Pass<"convert-nn-to-fixed", "::mlir::ModuleOp"> {
  let summary = "Turn real tensors into fixed-point tensors: scales, shifts and sign windows.";
  let description = [{
    Write M for the calibrated magnitude of a value, h for the head-room, l for the ring's width.

    - **Scales come from the ends.** A value that a non-linear operation opens may have the largest scale with
      `h M 2^scale < 2^(l-2)`. This demand travels back through additions, concatenations, poolings and reshapes to the linear
      layer that makes the value, whose weights get what the demand leaves over the scale of its operand, up to
      `max-weight-bits`. Addends of smaller scale are multiplied by a power of two.
    - **Shifts bring activations back.** The result of a ReLU has scale `activation-bits - ceil(log2 M)`, k/2 less
      before an average of 2^k elements, since averaging adds k bits and makes the rounding error 2^(k/2) times smaller.
      Where a layer's operand has so large a scale that fewer than `min-weight-bits` remain for the weights, it is truncated.
    - **Some need more bits than others.** With `fixed.extra_bits` e a value has scale `activation-bits + e - log2 M`, rounded; `fixed.extra_weight_scale` on a linear
      operation is the scale, beyond `activation-bits`, at which rounding its weights does as much harm. Where the demand leaves them less
      beside the operand, both give up half of what is missing, before they are rounded to whole bits; where the operand has a larger scale than it needs, by three bits or more, it is truncated.
    - **Squares** have at most `square-bits` bits, less where what is made of them (a sum of many) leaves less: their operand is shifted to half of them, so that a square lies beside ReLUs without
      a much longer scale. The layer behind gets what the longest scale leaves for its weights.
    - **Sign windows** end at the smallest `high` with `h M 2^scale < 2^high - 2^low` and are `window-bits` long (`exact`: they
      begin where the shift ends, so that a wrong sign changes less than the last place of the result). The window of a
      maximum does the same for differences of elements.
    - **Windows are fitted** (`fit`). Windows end at powers of two, so the range of a value leaves up to half of one unused.
      Where a set of values is made by linear layers and used by linear layers only, with nothing but ReLUs, maxima,
      sums and moves between, all are held without a common factor in (1/2, 1]: the layers before divide their weights by
      it, the layers after multiply by it, and the ranges just fill the windows.
    - **Functions become splines.** `nn.function` is fitted by quadratics on its calibrated range, head-room included, with an
      error of at most `activation-error` times the spread of its values there, as far as 16 thresholds allow (an inverse that many times as many values are multiplied by: 64, and relative
      to the geometric mean of spread and least value); constants or lines follow outside. Clips,
      hard sigmoids and hard swishes are splines already. The operand is shifted so that its last place changes the result by
      at most the last place of an activation, less where the ring is too narrow for the result, which has twice the
      operand's scale and a few bits more. Windows also hold the distance of a value to any threshold, in steps of an eighth of the shortest
      piece at most.
    - **Averages divide later.** A sum over c elements is held as it is, with the factor 2^k / c left pending; the next linear
      layer folds it into its weights. The same holds for products with a scalar that is public
      (`nn.public_factor`, or a round number); other scalars are weights, and their products linear layers.
    - **Means that are subtracted divide at once.** A mean of 16 elements or more that is added to something larger, as a
      normalisation subtracts one from what it is of, would raise the scale of that by the bits of the sum. It is truncated, and
      multiplied by 2^k / c with as few bits as keep it within 2^-10. Means of more than 64 elements, and of more than 4,096 squares, are
      sums of parts of up to 64 that are truncated before they are added, so that the ring need not hold the whole sum.
    - **Leaky ReLUs** are sums of a multiple of x and one of relu(x). The former is made of x as the ReLU shifts it, in the same opening:
      the bits of the slope behind the point come on top of an activation's scale, not of a layer's result's.
    - `nn.softmax`, `nn.log_softmax`, `nn.argmax`, `nn.top_values` and `nn.top_indices` before the return become `fixed.post` of the result: the client
      applies them.

    Windows longer than 8 bits are compared by the chunked one-hot protocol unless another is asked for.

    - Before: an `nn` function `@main` with batch normalisation folded or not, `fixed.range` on every operation and argument.
    - After: a `fixed` function `@main`, `fixed.ring_bits` on the module, with `exact` also `fixed.whole_openings`, ranges kept for `fixed-verify-ranges`.
    - Cost: one opening for each ReLU, function, square, truncation, linear operand, and level of a maximum.
    - Numerics: weights are rounded to the nearest integer; each activation carries the rounding of its shift (variance 1/6
      unit in the last place on average, no bias) and of its window: the sign of |z| < 2^(low-1) is random.
  }];
  let options = [
    Option<"ringBits", "ring-bits", "unsigned", /*default=*/"32", "Width l of the ring, 16 to 64.">,
    Option<"activationBits", "activation-bits", "unsigned", /*default=*/"12",
           "Bits of the largest activation after a shift, 4 to 24.">,
    Option<"squareBits", "square-bits", "unsigned", /*default=*/"20",
           "Bits of the largest square, 8 to 40; its operand is shifted to half as many.">,
    Option<"windowBits", "window-bits", "unsigned", /*default=*/"8", "Bits n of each sign window, 3 to 40.">,
    Option<"headroom", "headroom", "double", /*default=*/"2.0",
           "How many times the calibrated magnitude fits into ring and windows, at least 1.">,
    Option<"exact", "exact", "bool", /*default=*/"false",
           "Let sign windows reach down to the last place of the result; ignores window-bits.">,
    Option<"maxWeightBits", "max-weight-bits", "unsigned", /*default=*/"16", "Signed bits of the largest weight, at most.">,
    Option<"minWeightBits", "min-weight-bits", "unsigned", /*default=*/"7",
           "Truncate a layer's operand where its largest weight would have fewer signed bits.">,
    Option<"favourWeights", "favour-weights", "double", /*default=*/"0.0",
           "Bits that weights get more, and operands less, than `fixed.extra_weight_scale` says, where both share what the ring has; -16 to 16.">,
    Option<"equalBits", "equal-bits", "bool", /*default=*/"false",
           "Ignore `fixed.extra_bits` and `fixed.extra_weight_scale`.">,
    Option<"activationError", "activation-error", "double", /*default=*/"0.0",
           "Largest error of a fitted function, relative to the spread of its values; 0: 2^(2 - activation-bits).">,
    Option<"fit", "fit", "bool", /*default=*/"true", "Fit values to sign windows by factors in the weights.">
  ];
  let statistics = [
    Statistic<"numTruncations", "num-truncations", "Truncations that no ReLU or square absorbs.">
  ];
  let dependentDialects = ["::gfs::fixed::FixedDialect"];
}

#endif // GFS_PASSES_CONVERT_NNTOFIXED_TD
