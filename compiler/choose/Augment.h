// SPDX-License-Identifier: Apache-2.0
// More calibration samples out of few.
#pragma once

#include "compiler/choose/Batches.h"

namespace gfs {

/// The samples and, if an input is an image ([N, C, H, W] of at least 8 x 8), 3 to 11 more of each,
/// fewer of many samples: mirrored, shifted by up to four pixels with the border repeated, or both.
/// No labels are needed: the original network says what is right. The samples themselves come
/// first. Inputs that are no images are repeated beside them; without an image, the samples stay
/// alone.
SampleBatch augment(mlir::func::FuncOp function, const SampleBatch &samples);

} // namespace gfs
