// SPDX-License-Identifier: Apache-2.0
// Operators that pick positions along axes: slices, splits, gathers, pads and repetitions.
#include "compiler/import/Handlers.h"

#include <numeric>

namespace gfs::onnx {

static std::vector<int64_t> countFrom(int64_t start, int64_t count) {
  std::vector<int64_t> indices(static_cast<size_t>(count));
  std::iota(indices.begin(), indices.end(), start);
  return indices;
}

/// Axes default to the first ones.
static std::vector<int64_t> axesOr(std::optional<std::vector<int64_t>> axes, size_t count) {
  return axes ? *axes : countFrom(0, static_cast<int64_t>(count));
}

static void importSlice(Node &node) {
  OnnxValue value = node.operand(0);
  std::optional<std::vector<int64_t>> starts = node.integersOf("starts", 10, 1),
                                      ends = node.integersOf("ends", 10, 2);
  if (!starts || !ends || starts->size() != ends->size())
    node.malformed("starts and ends are missing, or of different lengths");
  std::vector<int64_t> axes = axesOr(node.integersOf("axes", 10, 3), starts->size()),
                       steps(starts->size(), 1);
  if (node.opset() >= 10 && node.has(4))
    steps = node.known(4).values;
  if (axes.size() != starts->size() || steps.size() != starts->size())
    node.malformed("axes or steps of another length than starts");
  for (size_t i = 0; i < axes.size(); ++i) {
    size_t axis = node.axis(axes[i], value.shape().size());
    int64_t extent = value.shape()[axis], step = steps[i];
    if (step == 0)
      node.malformed("a step of zero");
    // Negative positions count from the end; then both are clamped to the axis (backwards: to one
    // before it).
    auto clamp = [&](int64_t position) {
      position =
          position < 0 ? std::max(position, -extent - 1) + extent : std::min(position, extent);
      return step > 0 ? std::clamp<int64_t>(position, 0, extent)
                      : std::clamp<int64_t>(position, -1, extent - 1);
    };
    int64_t start = clamp((*starts)[i]), end = clamp((*ends)[i]);
    if (start == 0 && end == extent && step == 1)
      continue;
    step = std::clamp(step, -extent - 1, extent + 1);
    int64_t span = std::abs(end - start), stride = std::abs(step);
    bool empty = span == 0 || (end > start) != (step > 0);
    if (!empty || !value.integers) // of integers nothing may be left
      node.checkExtent(empty ? 0 : (span + stride - 1) / stride);
    std::vector<int64_t> indices;
    for (int64_t at = start; step > 0 ? at < end : at > end; at += step)
      indices.push_back(at);
    value = node.take(value, axis, indices);
  }
  node.result(0, value);
}

static void importSplit(Node &node) {
  const OnnxValue &value = node.operand(0);
  size_t axis = node.axis(node.integer("axis", 0), value.shape().size());
  auto count = static_cast<int64_t>(node.resultCount());
  int64_t extent = value.shape()[axis];
  if (node.integer("num_outputs", count) != count || count == 0)
    node.malformed("num_outputs differs from the number of outputs");
  std::optional<std::vector<int64_t>> given = node.integersOf("split", 13, 1);
  // Without sizes: equal parts, the last one smaller.
  int64_t part = (extent + count - 1) / count;
  std::vector<int64_t> sizes = given.value_or(std::vector<int64_t>(node.resultCount(), part));
  if (!given)
    sizes.back() = extent - part * (count - 1);
  int64_t start = 0;
  for (int64_t size : sizes) {
    if (size <= 0 || size > extent - start)
      node.malformed(fmt::format("parts do not add up to {}", extent));
    if (size < extent)
      node.checkExtent(size);
    start += size;
  }
  if (start != extent || sizes.size() != node.resultCount())
    node.malformed(fmt::format("parts do not add up to {}", extent));
  if (sizes.size() == 1)
    return node.result(0, value);
  start = 0;
  for (size_t i = 0; i < sizes.size(); start += sizes[i], ++i)
    node.result(i, node.take(value, axis, countFrom(start, sizes[i])));
}

static void importGather(Node &node) {
  const OnnxValue &value = node.operand(0);
  const IntegerTensor &positions = node.known(1);
  size_t axis = node.axis(node.integer("axis", 0), value.shape().size());
  int64_t extent = value.shape()[axis];
  std::vector<int64_t> indices = positions.values;
  for (int64_t &index : indices) {
    if (index < -extent || index >= extent)
      node.malformed(fmt::format("index {} on an axis of {}", index, extent));
    index = index < 0 ? index + extent : index;
  }
  OnnxValue taken = node.take(value, axis, indices);
  // The axis becomes the axes of the indices.
  nn::Shape shape(value.shape().take_front(axis));
  shape.append(positions.shape.begin(), positions.shape.end());
  shape.append(value.shape().begin() + axis + 1, value.shape().end());
  node.result(0, node.reshape(taken, shape));
}

// --- Pad -----------------------------------------------------------------------------------------
using PadIndex = int64_t (*)(int64_t position, int64_t extent);

static int64_t zeroOutside(int64_t position, int64_t extent) {
  return position < 0 || position >= extent ? -1 : position;
}
static int64_t edge(int64_t position, int64_t extent) {
  return std::clamp<int64_t>(position, 0, extent - 1);
}
static int64_t wrap(int64_t position, int64_t extent) {
  return (position % extent + extent) % extent;
}
/// 2 1 | 0 1 2 3 | 2 1: the edge is not repeated.
static int64_t reflect(int64_t position, int64_t extent) {
  int64_t period = std::max<int64_t>(1, 2 * (extent - 1));
  int64_t folded = (position % period + period) % period;
  return std::min(folded, period - folded);
}

static PadIndex padIndex(const Node &node, const std::string &mode) {
  if (mode == "constant")
    return zeroOutside;
  if (mode == "edge")
    return edge;
  if (mode == "reflect")
    return reflect;
  if (mode == "wrap")
    return wrap;
  node.malformed(fmt::format("mode '{}' is not known", mode));
}

static void emitPad(Node &node, std::optional<std::vector<int64_t>> pads, double value) {
  OnnxValue result = node.operand(0);
  size_t rank = result.shape().size();
  PadIndex index = padIndex(node, node.text("mode", "constant"));
  std::optional<std::vector<int64_t>> given;
  if (node.opset() >= 18 && node.has(3))
    given = node.known(3).values;
  std::vector<int64_t> axes = axesOr(given, rank);
  if (!pads || pads->size() != 2 * axes.size())
    node.malformed("pads are missing, or not two for each axis");
  // Another value than zero surrounds what is left after cropping.
  bool surrounds = index == zeroOutside && value != 0;
  std::vector<int64_t> low(rank, 0), high(rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    size_t axis = node.axis(axes[i], rank);
    int64_t extent = result.shape()[axis], before = (*pads)[i], after = (*pads)[axes.size() + i];
    for (int64_t pad : {before, after})
      node.checkExtent(std::abs(std::clamp<int64_t>(pad, -nn::maxElements, nn::maxElements)) + 1);
    if (surrounds) {
      low[axis] = std::max<int64_t>(before, 0);
      high[axis] = std::max<int64_t>(after, 0);
      before = std::min<int64_t>(before, 0);
      after = std::min<int64_t>(after, 0);
    }
    node.checkExtent(before + extent + after);
    std::vector<int64_t> indices;
    for (int64_t position = -before; position < extent + after; ++position)
      indices.push_back(index(position, extent));
    result = node.take(result, axis, indices);
  }
  if (surrounds && result.integers)
    node.unsupported("surrounds integers with a value other than zero",
                     "export a constant instead");
  if (surrounds) {
    nn::Shape shape(result.shape());
    for (size_t axis = 0; axis < rank; ++axis)
      shape[axis] += low[axis] + high[axis];
    result.tensor = node.emit<nn::PadOp>(shape, result.tensor, llvm::ArrayRef<int64_t>(low),
                                         llvm::ArrayRef<int64_t>(high), llvm::APFloat(value));
  }
  node.result(0, result);
}

static void importPadAttributes(Node &node) {
  emitPad(node, node.integersOf("pads", 11, 1), node.real("value", 0));
}

static void importPadOperands(Node &node) {
  double value = node.has(2) ? node.scalar(2, "the padding value") : 0;
  emitPad(node, node.known(1).values, value);
}

// --- Repetition ----------------------------------------------------------------------------------
static void importExpand(Node &node) {
  OnnxValue value = node.operand(0);
  nn::Shape target{llvm::ArrayRef<int64_t>(node.known(1).values)};
  nn::Shape shape = node.broadcast(value.shape(), target);
  nn::Shape aligned(shape.size() - value.shape().size(), 1);
  aligned.append(value.shape().begin(), value.shape().end());
  value = node.reshape(value, aligned);
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    node.checkExtent(shape[axis]);
    if (aligned[axis] != shape[axis])
      value = node.take(value, axis, std::vector<int64_t>(static_cast<size_t>(shape[axis]), 0));
  }
  node.result(0, value);
}

static void importTile(Node &node) {
  OnnxValue value = node.operand(0);
  const std::vector<int64_t> &repeats = node.known(1).values;
  if (repeats.size() != value.shape().size())
    node.malformed("not one repetition for each axis");
  for (size_t axis = 0; axis < repeats.size(); ++axis) {
    int64_t extent = value.shape()[axis];
    node.checkExtent(repeats[axis]);
    node.checkExtent(repeats[axis] * extent);
    std::vector<int64_t> indices;
    for (int64_t position = 0; position < repeats[axis] * extent; ++position)
      indices.push_back(position % extent);
    value = node.take(value, axis, indices);
  }
  node.result(0, value);
}

void addTakeOps(HandlerTable &table) {
  table.on("Slice", 1, importSlice);
  table.on("Split", 2, importSplit);
  table.on("Gather", 1, importGather);
  table.on("Pad", 2, importPadAttributes);
  table.on("Pad", 11, importPadOperands);
  table.on("Expand", 8, importExpand);
  table.on("Tile", 6, importTile);
}

} // namespace gfs::onnx
