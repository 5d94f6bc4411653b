// SPDX-License-Identifier: Apache-2.0
// Which activations and weights need more bits than others.
#pragma once

#include "compiler/choose/Batches.h"

namespace gfs {

/// Writes `fixed.extra_bits` on the arguments and operations of a measured nn function, and
/// `fixed.extra_weight_scale` on its linear operations: so many bits more (or less, where negative)
/// than the median activation, that the rounding of each adds as much to the error of the outputs.
///
/// An error of variance s^2 in every element of a value v, or in every weight of a layer, makes the
/// outputs' mean square error s^2 times the sum of the squares of their derivatives with respect to
/// v, to first order. That sum is measured on the samples by following a random direction of the
/// outputs back (E (u^T J)^2 = |J|^2 for u of independent signs). With M the largest magnitude and
/// b bits, s is proportional to M 2^-b, so that errors are equal for b = log2 M + log2 |J| + const.
///
/// Deterministic. A network that no activation leads to outputs of, whose derivatives are not
/// finite, or with a layer too large to follow back keeps what it has. Errors: those of
/// addOperandGradients.
void distributeBits(mlir::func::FuncOp function, const SampleBatch &samples);

} // namespace gfs
