// SPDX-License-Identifier: Apache-2.0
// Poolings and means.
#include "compiler/import/Handlers.h"
#include "compiler/import/Windows.h"

#include <numeric>

using namespace mlir;

namespace gfs::onnx {

static void importMaxPool(Node &node) {
  node.ignore({"storage_order"});
  nn::Shape input = node.shape(0);
  Window window = readWindow(node, input, {});
  Value result = node.emit<nn::MaxPool2dOp>(
      pooledShape(node, window, input, input[1]), asImage(node, node.tensor(0)),
      ArrayRef<int64_t>(window.kernel), ArrayRef<int64_t>(window.strides),
      ArrayRef<int64_t>(window.dilations), ArrayRef<int64_t>(window.allPads()));
  node.result(fromImage(node, result, input.size()));
}

/// Zeros around H and W.
static Value padWithZeros(Node &node, Value image, const std::array<int64_t, 4> &pads) {
  OnnxValue value{image, nullptr};
  for (size_t axis = 0; axis < 2; ++axis) {
    std::vector<int64_t> indices(static_cast<size_t>(pads[axis]), -1);
    indices.resize(indices.size() + static_cast<size_t>(value.shape()[2 + axis]));
    std::iota(indices.begin() + pads[axis], indices.end(), 0);
    indices.resize(indices.size() + static_cast<size_t>(pads[2 + axis]), -1);
    value = node.take(value, 2 + axis, indices);
  }
  return value.tensor;
}

static void importAveragePool(Node &node) {
  nn::Shape input = node.shape(0);
  Window window = readWindow(node, input, {});
  bool countPads = node.integer("count_include_pad", 0) != 0;
  Value image = asImage(node, node.tensor(0));
  std::array<int64_t, 4> pads = window.allPads();
  nn::Shape shape = pooledShape(node, window, input, input[1]);
  if (countPads && window.ceilPads != std::array<int64_t, 2>{0, 0}) {
    // The padding counts, but not what rounding up adds to it.
    image = padWithZeros(node, image, window.pads);
    pads = {0, 0, window.ceilPads[0], window.ceilPads[1]};
    countPads = false;
  }
  Value result = node.emit<nn::AvgPool2dOp>(
      shape, image, ArrayRef<int64_t>(window.kernel), ArrayRef<int64_t>(window.strides),
      ArrayRef<int64_t>(window.dilations), ArrayRef<int64_t>(pads), countPads);
  node.result(fromImage(node, result, input.size()));
}

template <class Pool> static Value emitGlobal(Node &node, Value image, Pool pool) {
  ArrayRef<int64_t> shape = Node::shapeOf(image);
  int64_t ones[] = {1, 1}, none[] = {0, 0, 0, 0};
  return pool(nn::Shape{shape[0], shape[1], 1, 1}, shape.take_back(2), ArrayRef<int64_t>(ones),
              ArrayRef<int64_t>(none));
}

static Value emitMean(Node &node, Value image) {
  return emitGlobal(node, image, [&](auto shape, auto kernel, auto ones, auto none) {
    return node.emit<nn::AvgPool2dOp>(shape, image, kernel, ones, ones, none, true);
  });
}

static Value spatialImage(Node &node) {
  size_t rank = node.shape(0).size();
  if (rank != 3 && rank != 4)
    node.unsupported(fmt::format("an operand of shape {}", nn::printShape(node.shape(0))),
                     "only one and two spatial axes are supported");
  return asImage(node, node.tensor(0));
}

static void importGlobalAveragePool(Node &node) {
  node.result(fromImage(node, emitMean(node, spatialImage(node)), node.shape(0).size()));
}

static void importGlobalMaxPool(Node &node) {
  Value image = spatialImage(node);
  Value result = emitGlobal(node, image, [&](auto shape, auto kernel, auto ones, auto none) {
    return node.emit<nn::MaxPool2dOp>(shape, image, kernel, ones, ones, none);
  });
  node.result(fromImage(node, result, node.shape(0).size()));
}

/// Mean or sum over adjacent axes a..b: the operand as [1, before, a * .. * b, after], averaged
/// over its third axis.
static void importReduction(Node &node, int64_t axesOperandSince, bool sum) {
  nn::Shape shape = node.shape(0);
  bool keep = node.integer("keepdims", 1) != 0;
  std::optional<std::vector<int64_t>> given = node.integersOf("axes", axesOperandSince, 1);
  if (node.integer("noop_with_empty_axes", 0) != 0 && (!given || given->empty()))
    return node.result(0, node.operand(0));
  std::vector<bool> reduced(shape.size(), !given || given->empty());
  if (given)
    for (int64_t axis : *given)
      reduced[node.axis(axis, shape.size())] = true;
  auto first = std::find(reduced.begin(), reduced.end(), true);
  auto last = std::find(reduced.rbegin(), reduced.rend(), true).base();
  if (first == reduced.end())
    return node.result(0, node.operand(0));
  if (std::find(first, last, false) != last)
    node.unsupported("reduces axes that are not adjacent", "split it into several reductions");

  nn::Shape result, image;
  ArrayRef<int64_t> all(shape);
  size_t from = static_cast<size_t>(first - reduced.begin()),
         to = static_cast<size_t>(last - reduced.begin());
  int64_t count = nn::elementCount(all.slice(from, to - from));
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (!reduced[axis])
      result.push_back(shape[axis]);
    else if (keep)
      result.push_back(1);
  }
  bool spatial = shape.size() == 4 && from == 2 && to == 4;
  image = spatial ? shape
                  : nn::Shape{1, nn::elementCount(all.take_front(from)), count,
                              nn::elementCount(all.drop_front(to))};
  Value value = node.emitReshape(node.tensor(0), image);
  if (spatial) {
    value = emitMean(node, value);
  } else {
    int64_t kernel[] = {count, 1}, ones[] = {1, 1}, none[] = {0, 0, 0, 0};
    value = node.emit<nn::AvgPool2dOp>(nn::Shape{1, image[1], 1, image[3]}, value,
                                       ArrayRef<int64_t>(kernel), ArrayRef<int64_t>(ones),
                                       ArrayRef<int64_t>(ones), ArrayRef<int64_t>(none), true);
  }
  if (sum)
    value = node.emitBinary<nn::MulOp>(value, node.emitSplat({}, static_cast<double>(count)));
  node.result(node.emitReshape(value, result));
}

static void importReduceMean(Node &node) { importReduction(node, 18, /*sum=*/false); }
static void importReduceSum(Node &node) { importReduction(node, 13, /*sum=*/true); }

void addPoolOps(HandlerTable &table) {
  table.on("MaxPool", 1, importMaxPool);
  table.on("AveragePool", 7, importAveragePool);
  table.on("GlobalAveragePool", 1, importGlobalAveragePool);
  table.on("GlobalMaxPool", 1, importGlobalMaxPool);
  table.on("ReduceMean", 1, importReduceMean);
  table.on("ReduceSum", 1, importReduceSum);
}

} // namespace gfs::onnx
