// SPDX-License-Identifier: Apache-2.0
// Which channels can be replaced with least harm to the answers.
#pragma once

#include "compiler/choose/Refit.h"

namespace gfs {

/// For each site, channel and degree 0 to 2 of a ReLU that the variant keeps: by how much the
/// distribution of answers would move, to second order, if the channel became that candidate,
///   mean over samples of (sum over elements of d)^2 + 9 sum over elements of d^2,
///   d = g (p(z) - relu(z)); without `elementwise`, of the first square only,
/// g being derivatives of log-probabilities of answers drawn from the network's own softmax (so
/// that the mean is the Fisher information along the change). Replaced channels have entries of
/// zero. Deterministic. Outputs whose last axis has one element count as means of a unit normal.
using Sensitivities = std::vector<std::vector<std::array<double, 3>>>;
Sensitivities measureSensitivities(mlir::func::FuncOp function, const SampleBatch &samples,
                                   const RefitResult &current, bool elementwise = true);

} // namespace gfs
