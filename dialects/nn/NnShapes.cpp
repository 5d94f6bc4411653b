// SPDX-License-Identifier: Apache-2.0
// Shape rules, shared by verifiers, the importer and the evaluator.
#include "dialects/nn/NnShapes.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <limits>

using namespace llvm;

namespace gfs::nn {

/// Far above any picture, and small enough that no product of two overflows.
static constexpr int64_t maxExtent = int64_t(1) << 24;

std::string printShape(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "a scalar";
  return join(map_range(shape, [](int64_t extent) { return std::to_string(extent); }), "x");
}

int64_t elementCount(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    if (__builtin_mul_overflow(count, extent, &count))
      return std::numeric_limits<int64_t>::max();
  return count;
}

std::optional<Shape> broadcastShapes(ArrayRef<int64_t> lhs, ArrayRef<int64_t> rhs) {
  if (lhs.size() < rhs.size())
    std::swap(lhs, rhs);
  Shape result(lhs);
  size_t offset = lhs.size() - rhs.size();
  for (size_t axis = 0; axis < rhs.size(); ++axis) {
    int64_t &extent = result[offset + axis];
    if (extent != rhs[axis] && extent != 1 && rhs[axis] != 1)
      return std::nullopt;
    extent = extent == 1 ? rhs[axis] : extent;
  }
  return result;
}

size_t lastLongAxis(ArrayRef<int64_t> shape) {
  for (size_t axis = shape.size(); axis-- > 0;)
    if (shape[axis] > 1)
      return axis;
  return shape.size() - 1;
}

size_t rowLength(ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> answer = shape.size() > 1 ? shape.drop_front() : shape;
  return answer.empty() ? 1 : static_cast<size_t>(answer[lastLongAxis(answer)]);
}

static bool allWithin(ArrayRef<int64_t> values, size_t count, int64_t least) {
  return values.size() == count &&
         all_of(values, [&](int64_t value) { return value >= least && value <= maxExtent; });
}

bool WindowGeometry::isValid() const {
  return allWithin(kernel, 2, 1) && allWithin(strides, 2, 1) && allWithin(dilations, 2, 1) &&
         allWithin(pads, 4, 0);
}

int64_t WindowGeometry::positions(unsigned axis, int64_t extent) const {
  int64_t room = extent + pads[axis] + pads[2 + axis] - span(axis);
  return room < 0 ? 0 : room / strides[axis] + 1;
}

int64_t WindowGeometry::fewestTaps(unsigned axis, int64_t extent) const {
  // Tap k of position o lies at o * stride - pad + k * dilation; it is in the image for
  // first <= k <= last.
  int64_t fewest = kernel[axis], dilation = dilations[axis];
  for (int64_t o = 0, count = positions(axis, extent); o < count; ++o) {
    int64_t start = o * strides[axis] - pads[axis];
    int64_t first = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
    int64_t last =
        start >= extent ? -1 : std::min(kernel[axis] - 1, (extent - 1 - start) / dilation);
    fewest = std::min(fewest, std::max<int64_t>(0, last - first + 1));
  }
  return fewest;
}

} // namespace gfs::nn
