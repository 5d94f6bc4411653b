// SPDX-License-Identifier: Apache-2.0
// Which elements of an axis, with which weights, make each element of the resized axis.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gfs::onnx {

/// What Resize is told, apart from the axes and their extents.
struct ResampleOptions {
  std::string mode = "nearest", coordinates = "half_pixel", rounding = "round_prefer_floor";
  double cubicCoefficient = -0.75;
  bool excludeOutside = false, antialias = false;
};

/// One axis: `from` positions become `to`. `scale` is what the model states, or to / from.
struct ResampledAxis {
  int64_t from, to;
  double scale;
  double start = 0, end = 1; ///< The part of the operand that is resized (tf_crop_and_resize).
};

/// A position of the operand and its share in a position of the result.
struct Tap {
  int64_t position;
  double weight;
};

/// Whether the names in `options` are ones that ONNX defines.
bool isKnown(const ResampleOptions &options);

/// For each of `axis.to` positions its taps, in ascending order of positions, weights other than
/// zero, positions distinct and inside the operand; none where the result is outside the operand
/// (tf_crop_and_resize only).
std::vector<std::vector<Tap>> resample(const ResampleOptions &options, const ResampledAxis &axis);

} // namespace gfs::onnx
