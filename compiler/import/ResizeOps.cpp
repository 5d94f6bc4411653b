// SPDX-License-Identifier: Apache-2.0
// Resizing, axis by axis: a sum of picked positions, each times a public number.
#include "compiler/import/Handlers.h"
#include "compiler/import/Resampling.h"

#include <cmath>
#include <map>

using namespace mlir;

namespace gfs::onnx {
namespace {

/// Up to so many different weights, each is one product with a scalar, which servers compute alone.
constexpr size_t mostScalars = 16;
/// Each tap is one product of a whole tensor with a constant.
constexpr size_t mostTaps = 256;
/// Four times what the largest images have.
constexpr int64_t longestResized = int64_t(1) << 16;

/// The taps of equal weight, at most one for each position of the result; -1 where there is none.
struct Picked {
  double weight;
  std::vector<int64_t> indices;
};

/// Bits of a scalar behind the point. Nothing is truncated between the axes: the bits of several
/// add up in the ring, and leave a convolution before them fewer for its own weights. With 12, a
/// sum of four taps is off by at most 1 / 2048 of the largest.
constexpr int scalarBits(bool severalAxes) { return severalAxes ? 12 : 18; }

/// Weights that differ by rounding to `bits` are the same. Stops where there are more than
/// `mostScalars`.
std::vector<Picked> groupByWeight(const std::vector<std::vector<Tap>> &positions, int bits) {
  std::map<int64_t, std::vector<size_t>> groups; // by weight * 2^bits
  std::vector<Picked> picked;
  for (size_t at = 0; at < positions.size() && picked.size() <= mostScalars; ++at)
    for (const Tap &tap : positions[at]) {
      int64_t rounded = std::llrint(std::ldexp(tap.weight, bits));
      std::vector<size_t> &candidates = groups[rounded];
      auto free = llvm::find_if(candidates, [&](size_t i) { return picked[i].indices[at] < 0; });
      if (free == candidates.end()) {
        candidates.push_back(picked.size());
        picked.push_back({std::ldexp(static_cast<double>(rounded), -bits),
                          std::vector<int64_t>(positions.size(), -1)});
        free = std::prev(candidates.end());
      }
      picked[*free].indices[at] = tap.position;
    }
  return picked;
}

Value emitSum(Node &node, Value sum, Value addend) {
  return sum ? node.emitBinary<nn::AddOp>(sum, addend) : addend;
}

/// sum over weights w of w * take(x, positions of weight w).
Value emitScalarProducts(Node &node, Value value, size_t axis, ArrayRef<Picked> picked) {
  Value sum;
  for (const Picked &group : picked) {
    Value part = node.take({value, nullptr}, axis, group.indices).tensor;
    sum = emitSum(node, sum, node.emitScaled(part, group.weight));
  }
  return sum;
}

/// sum over k of w_k * take(x, k-th tap), w_k having a weight for each position.
Value emitVectorProducts(Node &node, Value value, size_t axis,
                         const std::vector<std::vector<Tap>> &positions) {
  size_t most = 0;
  for (const std::vector<Tap> &taps : positions)
    most = std::max(most, taps.size());
  if (most > mostTaps)
    node.unsupported(fmt::format("each position is a weighted sum of {}", most),
                     fmt::format("at most {} are supported: resize in several steps", mostTaps));
  nn::Shape shape(Node::shapeOf(value).size() - axis, 1);
  shape[0] = static_cast<int64_t>(positions.size());
  Value sum;
  for (size_t k = 0; k < most; ++k) {
    std::vector<int64_t> indices;
    std::vector<float> weights;
    for (const std::vector<Tap> &taps : positions) {
      indices.push_back(k < taps.size() ? taps[k].position : -1);
      weights.push_back(k < taps.size() ? static_cast<float>(taps[k].weight) : 0.0f);
    }
    Value part = node.take({value, nullptr}, axis, indices).tensor;
    sum = emitSum(node, sum,
                  node.emitBinary<nn::MulOp>(part, node.emitConstant(shape, std::move(weights))));
  }
  return sum;
}

Value emitAxis(Node &node, Value value, size_t axis, const std::vector<std::vector<Tap>> &positions,
               int bits) {
  std::vector<Picked> picked = groupByWeight(positions, bits);
  if (picked.empty())
    node.unsupported("its result lies outside of its operand",
                     "check the region of interest (roi)");
  return picked.size() <= mostScalars ? emitScalarProducts(node, value, axis, picked)
                                      : emitVectorProducts(node, value, axis, positions);
}

/// The value that positions outside of the operand have, added where there are such.
Value emitExtrapolated(Node &node, Value value, ArrayRef<std::vector<bool>> outside,
                       double extrapolation) {
  if (extrapolation == 0)
    return value;
  // Axes without such positions have one element in the addend.
  nn::Shape shape(Node::shapeOf(value));
  bool any = false;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    bool leaves = llvm::is_contained(outside[axis], true);
    shape[axis] = leaves ? shape[axis] : 1;
    any |= leaves;
  }
  if (!any)
    return value;
  node.spend(shape);
  std::vector<float> border(static_cast<size_t>(nn::elementCount(shape)), 0.0f);
  for (size_t i = 0; i < border.size(); ++i) {
    size_t rest = i;
    for (size_t axis = shape.size(); axis-- > 0; rest /= static_cast<size_t>(shape[axis]))
      if (outside[axis][rest % static_cast<size_t>(shape[axis])])
        border[i] = static_cast<float>(extrapolation);
  }
  return node.emitBinary<nn::AddOp>(value, node.emitConstant(shape, std::move(border)));
}

void emitResize(Node &node, const ResampleOptions &options, ArrayRef<ResampledAxis> axes,
                double extrapolation = 0) {
  if (!isKnown(options))
    node.malformed(fmt::format("mode '{}', nearest_mode '{}' or coordinate_transformation_mode "
                               "'{}' is not known",
                               options.mode, options.rounding, options.coordinates));
  OnnxValue value = node.operand(0);
  if (axes.size() != value.shape().size())
    node.malformed("not one scale or size for each axis");
  if (!std::isfinite(options.cubicCoefficient) || !std::isfinite(extrapolation))
    node.malformed("cubic_coeff_a or extrapolation_value is not finite");
  if (options.mode != "nearest")
    value.tensor = node.tensor(0);
  auto stays = [&](const ResampledAxis &axis) {
    bool crops = options.coordinates == "tf_crop_and_resize" && (axis.start != 0 || axis.end != 1);
    return axis.from == axis.to && axis.scale == 1 && !crops;
  };
  const bool severalAxes = llvm::count_if(axes, stays) + 1 < static_cast<int64_t>(axes.size());
  std::vector<std::vector<bool>> outside;
  for (size_t i = 0; i < axes.size(); ++i) {
    const ResampledAxis &axis = axes[i];
    if (!(axis.scale > 0) || !std::isfinite(axis.scale))
      node.malformed(fmt::format("scale {}", axis.scale));
    node.checkExtent(axis.to);
    if (stays(axis)) {
      outside.emplace_back(static_cast<size_t>(axis.to), false);
      continue;
    }
    if (axis.to > longestResized)
      node.unsupported(fmt::format("resizes an axis to {} positions", axis.to),
                       fmt::format("at most {} are supported: check the shapes of the inputs "
                                   "(--shape)",
                                   longestResized));
    std::vector<std::vector<Tap>> positions = resample(options, axis);
    std::vector<bool> &empty = outside.emplace_back();
    for (const std::vector<Tap> &taps : positions)
      empty.push_back(taps.empty());
    if (value.tensor) {
      value.tensor = emitAxis(node, value.tensor, i, positions, scalarBits(severalAxes));
      continue;
    }
    std::vector<int64_t> indices;
    for (const std::vector<Tap> &taps : positions)
      indices.push_back(taps.empty() ? -1 : taps.front().position);
    value = node.take(value, i, indices);
  }
  if (value.tensor)
    value.tensor = emitExtrapolated(node, value.tensor, outside, extrapolation);
  node.result(0, value);
}

ResampledAxis scaledAxis(const Node &node, int64_t from, double scale) {
  double extent = std::floor(static_cast<double>(from) * scale);
  if (!(extent >= 1 && extent <= static_cast<double>(nn::maxElements)))
    node.malformed(fmt::format("scale {}", scale));
  return {from, static_cast<int64_t>(extent), scale};
}

std::vector<double> floatsOf(const Node &node, size_t i, StringRef what) {
  node.constantTensor(i, what);
  std::optional<nn::ConstantData> data = node.constant(i);
  return {data->begin(), data->end()};
}

/// Upsample, and Resize before opset 11: scales only, positions rounded down.
template <bool scalesAreOperand> void importScaled(Node &node) {
  ResampleOptions options{node.text("mode", "nearest"), "asymmetric", "floor"};
  if (options.mode == "bilinear")
    options.mode = "linear";
  std::vector<double> scales;
  if (scalesAreOperand) {
    scales = floatsOf(node, 1, "the scales");
  } else {
    std::vector<float> given = node.reals("scales");
    scales.assign(given.begin(), given.end());
  }
  nn::Shape shape = node.shape(0);
  std::vector<ResampledAxis> axes;
  for (size_t axis = 0; axis < std::min(shape.size(), scales.size()); ++axis)
    axes.push_back(scaledAxis(node, shape[axis], scales[axis]));
  emitResize(node, options, scales.size() == shape.size() ? axes : std::vector<ResampledAxis>());
}

/// Sizes with the aspect ratio kept: one scale for all given axes, the largest that is not larger
/// than any of the asked ones, or the smallest not smaller.
double commonScale(const Node &node, const std::string &policy, ArrayRef<int64_t> from,
                   ArrayRef<int64_t> axes, ArrayRef<int64_t> sizes) {
  if (policy != "not_larger" && policy != "not_smaller")
    node.malformed(fmt::format("keep_aspect_ratio_policy '{}' is not known", policy));
  double scale = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    double own = static_cast<double>(sizes[i]) / static_cast<double>(from[axes[i]]);
    scale = i == 0 ? own : policy == "not_larger" ? std::min(scale, own) : std::max(scale, own);
  }
  return scale;
}

std::vector<ResampledAxis> readAxes(Node &node) {
  nn::Shape from = node.shape(0);
  std::vector<int64_t> chosen;
  for (size_t axis = 0; axis < from.size(); ++axis)
    chosen.push_back(static_cast<int64_t>(axis));
  if (node.hasAttribute("axes"))
    for (chosen = node.integers("axes", {}); int64_t &axis : chosen)
      axis = static_cast<int64_t>(node.axis(axis, from.size()));
  std::vector<ResampledAxis> axes;
  for (int64_t extent : from)
    axes.push_back({extent, extent, 1});
  std::string policy = node.text("keep_aspect_ratio_policy", "stretch");
  std::vector<double> scales;
  if (node.has(2) && !node.operand(2).integers && nn::elementCount(node.shape(2)) > 0)
    scales = floatsOf(node, 2, "the scales");
  std::vector<int64_t> sizes =
      scales.empty() && node.has(3) ? node.known(3).values : std::vector<int64_t>();
  if (std::max(scales.size(), sizes.size()) != chosen.size())
    node.malformed("not one scale or size for each axis");
  double common =
      sizes.empty() || policy == "stretch" ? 0 : commonScale(node, policy, from, chosen, sizes);
  for (size_t i = 0; i < chosen.size(); ++i) {
    ResampledAxis &axis = axes[static_cast<size_t>(chosen[i])];
    auto extent = static_cast<double>(axis.from);
    if (!scales.empty())
      axis = scaledAxis(node, axis.from, scales[i]);
    else if (common > 0)
      axis = {axis.from, std::llrint(std::min(common * extent, 0x1p31)), common};
    else
      axis = {axis.from, sizes[i], static_cast<double>(sizes[i]) / extent};
  }
  if (!node.has(1) || node.operand(1).integers || nn::elementCount(node.shape(1)) == 0)
    return axes;
  std::vector<double> region = floatsOf(node, 1, "the region of interest");
  // So far outside that positions would not be integers: nobody means that.
  if (llvm::any_of(region, [](double bound) { return !(std::fabs(bound) <= 0x1p20); }))
    node.malformed("the region of interest has a bound that is not a number or beyond 2^20");
  for (size_t i = 0; i < chosen.size() && region.size() == 2 * chosen.size(); ++i) {
    axes[static_cast<size_t>(chosen[i])].start = region[i];
    axes[static_cast<size_t>(chosen[i])].end = region[chosen.size() + i];
  }
  return axes;
}

void importResize(Node &node) {
  ResampleOptions options{node.text("mode", "nearest"),
                          node.text("coordinate_transformation_mode", "half_pixel"),
                          node.text("nearest_mode", "round_prefer_floor"),
                          node.real("cubic_coeff_a", -0.75),
                          node.integer("exclude_outside", 0) != 0,
                          node.integer("antialias", 0) != 0};
  emitResize(node, options, readAxes(node), node.real("extrapolation_value", 0));
}

} // namespace

void addResizeOps(HandlerTable &table) {
  table.on("Upsample", 7, importScaled<false>);
  table.on("Upsample", 9, importScaled<true>);
  table.on("Resize", 10, importScaled<true>);
  table.on("Resize", 11, importResize);
}

} // namespace gfs::onnx
