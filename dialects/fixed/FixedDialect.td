// SPDX-License-Identifier: Apache-2.0
// The fixed dialect: the network in integers mod 2^l, as the servers will compute it, but without secrets.
#ifndef GFS_DIALECTS_FIXED_FIXEDDIALECT_TD
#define GFS_DIALECTS_FIXED_FIXEDDIALECT_TD

include "mlir/IR/OpBase.td"

def Fixed_Dialect : Dialect {
  let name = "fixed";
  let cppNamespace = "::gfs::fixed";
  let summary = "Clear fixed-point networks in the ring of integers mod 2^l.";
  let description = [{
    Place in the pipeline: after `nn` (real numbers), before `secure` (two-party steps).

    A real `v` is held as `round(v * 2^scale)` mod `2^l`; the scale is part of the type, so a wrong scale is a
    type error. `l` is the module's attribute `fixed.ring_bits` (16 to 64). The semantics of every operation are
    exact integer arithmetic mod `2^l`, except that `truncate`, `relu` and `square` round their shift up or
    down (which of the two depends on the masks of a run; the expected value is exact).

    Attributes:
    - `fixed.ring_bits : i64` on the module, and `fixed.whole_openings` where all bits of opened values are to be sent.
    - `fixed.name : string` on arguments and results of `main`: the model's names of inputs and outputs.
    - `fixed.post : "none" | "softmax" | "log_softmax" | "argmax" | "argmax_last" | "top_values" | "top_indices" | "bottom_values" |
      "bottom_indices"` on results: what the client applies to its logits.
    - `fixed.post_axis : i64` beside it: the axis it works along; without, the last one longer than 1.
    - `fixed.post_count : i64` beside it: how many elements are selected.
    - `fixed.shape : array<i64>` beside it: the shape that the client then gives them, where the model has another.
    - `fixed.protocol = "table"`, `"one_hot"` or `"dcf"` on an operation that finds signs: how the servers do it.
    - `fixed.range = array<f64: min, max>` on an operation (for its one result) or an argument, of any dialect: the smallest
      and largest real value seen there in calibration. Measured, hence no promise; `fixed-verify-ranges` holds
      windows against it.

    Every operation carries the name of the model's node as its location. Rules about the whole program (windows inside
    the ring, one ring per module) belong to the pass `fixed-verify-ranges`; the operations' own rules carry ids such as
    `relu_c1`, named in descriptions, checks and tests alike.
  }];
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
}

#endif // GFS_DIALECTS_FIXED_FIXEDDIALECT_TD
