// SPDX-License-Identifier: Apache-2.0
// Poolings, over windows and over whole images.
#include "compiler/import/Handlers.h"
#include "compiler/import/Windows.h"

#include <numeric>

using namespace mlir;

namespace gfs::onnx {

/// Pools `value`, a volume's planes or an image, with `pool(image, rows, columns)`: a volume first
/// along D, as images 1 D C*H*W of whole planes, then along H and W.
template <class Pool> static void poolAxes(Node &node, Pool pool) {
  const nn::Shape input = node.shape(0);
  const auto [depth, rows, columns] = readWindow(node, input, {});
  Value image = asImage(node, node.tensor(0));
  if (input.size() == 5) {
    const int64_t plane = input[1] * input[3] * input[4], positions = depth.positions(node);
    image = pool(node.emitReshape(image, {input[0], 1, input[2], plane}), depth,
                 WindowAxis{.extent = plane});
    image = node.emitReshape(image, {input[0] * positions, input[1], input[3], input[4]});
  }
  node.result(fromImage(node, pool(image, rows, columns), input.size(), input[0]));
}

static nn::Shape pooledShape(const Node &node, Value image, const WindowAxis &rows,
                             const WindowAxis &columns) {
  ArrayRef<int64_t> shape = Node::shapeOf(image);
  return {shape[0], shape[1], rows.positions(node), columns.positions(node)};
}

static void importMaxPool(Node &node) {
  node.ignore({"storage_order"});
  poolAxes(node, [&](Value image, const WindowAxis &rows, const WindowAxis &columns) -> Value {
    const ImageWindow window(rows, columns);
    return node.emit<nn::MaxPool2dOp>(
        pooledShape(node, image, rows, columns), image, ArrayRef<int64_t>(window.kernel),
        ArrayRef<int64_t>(window.strides), ArrayRef<int64_t>(window.dilations),
        ArrayRef<int64_t>(window.pads));
  });
}

/// Zeros around axis `axis` of an image; the window then has no padding but what rounding up adds.
static Value padWithZeros(Node &node, Value image, size_t axis, WindowAxis &window) {
  node.checkExtent(window.before + window.extent + window.after);
  std::vector<int64_t> indices(static_cast<size_t>(window.before), -1);
  indices.resize(indices.size() + static_cast<size_t>(window.extent));
  std::iota(indices.begin() + window.before, indices.end(), 0);
  indices.resize(indices.size() + static_cast<size_t>(window.after), -1);
  window.extent = static_cast<int64_t>(indices.size());
  window.before = window.after = 0;
  return node.take({image, nullptr}, axis, indices).tensor;
}

static void importAveragePool(Node &node) {
  const bool countPads = node.integer("count_include_pad", 0) != 0;
  poolAxes(node, [&](Value image, WindowAxis rows, WindowAxis columns) -> Value {
    const nn::Shape shape = pooledShape(node, image, rows, columns);
    // The padding counts, but not what rounding up adds to it.
    const bool explicitPads = countPads && (rows.ceil != 0 || columns.ceil != 0);
    if (explicitPads)
      image = padWithZeros(node, padWithZeros(node, image, 2, rows), 3, columns);
    const ImageWindow window(rows, columns);
    return node.emit<nn::AvgPool2dOp>(shape, image, ArrayRef<int64_t>(window.kernel),
                                      ArrayRef<int64_t>(window.strides),
                                      ArrayRef<int64_t>(window.dilations),
                                      ArrayRef<int64_t>(window.pads), countPads && !explicitPads);
  });
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

/// All spatial axes as two.
static Value spatialImage(Node &node) {
  const nn::Shape shape = node.shape(0);
  if (shape.size() < 3)
    node.malformed(fmt::format("an operand of shape {}", nn::printShape(shape)));
  int64_t rows = 1;
  for (size_t axis = 2; axis + 1 < shape.size(); ++axis)
    rows *= shape[axis];
  return node.emitReshape(node.tensor(0), {shape[0], shape[1], rows, shape.back()});
}

/// N C 1 1 with as many axes as the operand.
static void globalResult(Node &node, Value pooled) {
  nn::Shape shape(node.shape(0).size(), 1);
  std::copy_n(Node::shapeOf(pooled).begin(), 2, shape.begin());
  node.result(node.emitReshape(pooled, shape));
}

static void importGlobalAveragePool(Node &node) {
  globalResult(node, emitMean(node, spatialImage(node)));
}

static void importGlobalMaxPool(Node &node) {
  Value image = spatialImage(node);
  globalResult(node, emitGlobal(node, image, [&](auto shape, auto kernel, auto ones, auto none) {
                 return node.emit<nn::MaxPool2dOp>(shape, image, kernel, ones, ones, none);
               }));
}

void addPoolOps(HandlerTable &table) {
  table.on("MaxPool", 1, importMaxPool);
  table.on("AveragePool", 7, importAveragePool);
  table.on("GlobalAveragePool", 1, importGlobalAveragePool);
  table.on("GlobalMaxPool", 1, importGlobalMaxPool);
}

} // namespace gfs::onnx
