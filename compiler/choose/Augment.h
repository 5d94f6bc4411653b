// SPDX-License-Identifier: Apache-2.0
// More calibration samples out of few.
#pragma once

#include "compiler/choose/Batches.h"

namespace gfs {

/// The samples and, if an input is an image ([N, C, H, W] of at least 8 x 8), three more of each:
/// mirrored, shifted by a pixel or two with the border repeated, and both. No labels are needed:
/// the original network says what is right. Inputs that are no images are repeated beside them;
/// without an image, the samples stay alone.
SampleBatch augment(mlir::func::FuncOp function, const SampleBatch &samples);

} // namespace gfs
