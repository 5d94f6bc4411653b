// SPDX-License-Identifier: Apache-2.0
// Sums over axes, as poolings over the whole of an image.
#pragma once

#include "compiler/import/Node.h"

namespace gfs::onnx {

/// `value` with the joined axes last, as an image [.., .., H, W] to be reduced to one pixel: an NCHW
/// value whose H and W are joined stays as it is. `joined`: by axis.
mlir::Value asReducedImage(Node &node, mlir::Value value, const std::vector<bool> &joined);

/// The mean of each channel of an image, N C 1 1.
mlir::Value emitImageMean(Node &node, mlir::Value image);

/// The means over the joined axes, which are left with one element each.
mlir::Value emitMeans(Node &node, mlir::Value value, const std::vector<bool> &joined);

} // namespace gfs::onnx
