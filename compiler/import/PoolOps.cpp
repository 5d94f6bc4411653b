// SPDX-License-Identifier: Apache-2.0
// Poolings, over windows and over whole images.
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
    node.checkExtent(pads[axis] + value.shape()[2 + axis] + pads[2 + axis]);
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

void addPoolOps(HandlerTable &table) {
  table.on("MaxPool", 1, importMaxPool);
  table.on("AveragePool", 7, importAveragePool);
  table.on("GlobalAveragePool", 1, importGlobalAveragePool);
  table.on("GlobalMaxPool", 1, importGlobalMaxPool);
}

} // namespace gfs::onnx
