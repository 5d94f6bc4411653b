// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/Resampling.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gfs::onnx {
namespace {

/// Scales are floats: positions that should be whole are off by some 2^-20.
constexpr double leastWeight = 0x1p-18;

bool isOneOf(const std::string &name, std::initializer_list<const char *> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Where position `at` of the result lies on the operand's axis.
double sourcePosition(const std::string &mode, const ResampledAxis &axis, int64_t at) {
  auto x = static_cast<double>(at), from = static_cast<double>(axis.from),
       to = axis.scale * from; // not rounded to a whole number of positions
  if (mode == "asymmetric")
    return x / axis.scale;
  if (mode == "pytorch_half_pixel")
    return axis.to > 1 ? (x + 0.5) / axis.scale - 0.5 : 0;
  if (mode == "align_corners")
    return axis.to > 1 ? x * (from - 1) / (to - 1) : 0;
  if (mode == "tf_half_pixel_for_nn")
    return (x + 0.5) / axis.scale;
  if (mode == "half_pixel_symmetric")
    return from / 2 * (1 - static_cast<double>(axis.to) / to) + (x + 0.5) / axis.scale - 0.5;
  if (mode == "tf_crop_and_resize") {
    double length = (axis.end - axis.start) * (from - 1);
    return axis.start * (from - 1) + (axis.to > 1 ? x * length / (to - 1) : length / 2);
  }
  return (x + 0.5) / axis.scale - 0.5; // half_pixel
}

double nearest(const std::string &rounding, double position) {
  if (rounding == "floor")
    return std::floor(position);
  if (rounding == "ceil")
    return std::ceil(position);
  if (rounding == "round_prefer_ceil")
    return std::floor(position + 0.5);
  return std::ceil(position - 0.5); // round_prefer_floor
}

/// The share of an element at that distance: a triangle, or the cubic of two pieces with
/// coefficient a.
double kernelAt(const ResampleOptions &options, double distance) {
  double x = std::fabs(distance), a = options.cubicCoefficient;
  if (options.mode == "linear")
    return std::max(0.0, 1 - x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * a * x - 4 * a : 0;
}

std::vector<Tap> tapsAround(const ResampleOptions &options, const ResampledAxis &axis,
                            double position) {
  // An antialiasing kernel is as wide as the pixels of the smaller result.
  double width = options.antialias ? std::min(axis.scale, 1.0) : 1.0;
  double reach = (options.mode == "linear" ? 1 : 2) / width;
  std::vector<Tap> taps;
  double sum = 0;
  for (auto at = static_cast<int64_t>(std::floor(position - reach)) + 1;
       static_cast<double>(at) < position + reach; ++at) {
    bool outside = at < 0 || at >= axis.from;
    double weight = kernelAt(options, (static_cast<double>(at) - position) * width);
    if (weight == 0 || (outside && options.excludeOutside))
      continue;
    sum += weight;
    int64_t inside = std::clamp<int64_t>(at, 0, axis.from - 1);
    if (!taps.empty() && taps.back().position == inside)
      taps.back().weight += weight;
    else
      taps.push_back({inside, weight});
  }
  for (Tap &tap : taps)
    tap.weight /= sum;
  std::erase_if(taps, [](const Tap &tap) { return std::fabs(tap.weight) < leastWeight; });
  return taps;
}

} // namespace

bool isKnown(const ResampleOptions &options) {
  return isOneOf(options.mode, {"nearest", "linear", "cubic"}) &&
         isOneOf(options.rounding, {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}) &&
         isOneOf(options.coordinates,
                 {"asymmetric", "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
                  "align_corners", "tf_half_pixel_for_nn", "tf_crop_and_resize"});
}

std::vector<std::vector<Tap>> resample(const ResampleOptions &options, const ResampledAxis &axis) {
  std::vector<std::vector<Tap>> result(static_cast<size_t>(axis.to));
  double last = static_cast<double>(axis.from - 1);
  for (int64_t at = 0; at < axis.to; ++at) {
    double position = sourcePosition(options.coordinates, axis, at);
    std::vector<Tap> &taps = result[static_cast<size_t>(at)];
    if (options.coordinates == "tf_crop_and_resize" && (position < 0 || position > last))
      continue;
    if (options.mode == "nearest")
      taps = {
          {static_cast<int64_t>(std::clamp(nearest(options.rounding, position), 0.0, last)), 1}};
    else
      taps = tapsAround(options, axis, position);
  }
  return result;
}

} // namespace gfs::onnx
