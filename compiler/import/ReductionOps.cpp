// SPDX-License-Identifier: Apache-2.0
// Means, sums, norms and extrema over axes, as poolings over the whole of an image.
#include "compiler/import/Handlers.h"
#include "compiler/import/Reductions.h"

using namespace mlir;

namespace gfs::onnx {

Value asReducedImage(Node &node, Value value, const std::vector<bool> &joined) {
  nn::Shape order;
  for (bool last : {false, true})
    for (size_t axis = 0; axis < joined.size(); ++axis)
      if (joined[axis] == last)
        order.push_back(static_cast<int64_t>(axis));
  if (!llvm::is_sorted(order))
    value = node.transpose({value, nullptr}, order).tensor;
  ArrayRef<int64_t> moved = Node::shapeOf(value);
  const auto count = static_cast<size_t>(llvm::count(joined, true));
  if (moved.size() == 4 && count == 2)
    return value;
  return node.emitReshape(value, {1, nn::elementCount(moved.drop_back(count)),
                                  nn::elementCount(moved.take_back(count)), 1});
}

template <class Pool, class... Flags>
static Value emitPooled(Node &node, Value image, Flags... flags) {
  ArrayRef<int64_t> shape = Node::shapeOf(image);
  int64_t ones[] = {1, 1}, none[] = {0, 0, 0, 0};
  return node.emit<Pool>({shape[0], shape[1], 1, 1}, image, shape.take_back(2),
                         ArrayRef<int64_t>(ones), ArrayRef<int64_t>(ones), ArrayRef<int64_t>(none),
                         flags...);
}

Value emitImageMean(Node &node, Value image) {
  return emitPooled<nn::AvgPool2dOp>(node, image, true);
}

Value emitMeans(Node &node, Value value, const std::vector<bool> &joined) {
  nn::Shape shape(Node::shapeOf(value));
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (joined[axis])
      shape[axis] = 1;
  return node.emitReshape(emitImageMean(node, asReducedImage(node, value, joined)), shape);
}

namespace {

/// What a reduction keeps and what it joins.
struct Reduction {
  std::vector<bool> joined; ///< By axis.
  nn::Shape result;
  int64_t count = 1; ///< Elements that one result is made of.
};

Reduction readReduction(Node &node, int64_t axesOperandSince) {
  nn::Shape shape = node.shape(0);
  bool keep = node.integer("keepdims", 1) != 0;
  std::optional<std::vector<int64_t>> given = node.integersOf("axes", axesOperandSince, 1);
  // Asked for in any case: an attribute nobody asks for is refused as unknown.
  bool emptyJoinsNone = node.integer("noop_with_empty_axes", 0) != 0;
  Reduction reduction;
  reduction.joined.assign(shape.size(), (!given || given->empty()) && !emptyJoinsNone);
  for (int64_t axis : given.value_or(std::vector<int64_t>()))
    reduction.joined[node.axis(axis, shape.size())] = true;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (reduction.joined[axis])
      reduction.count *= shape[axis];
    if (!reduction.joined[axis] || keep)
      reduction.result.push_back(reduction.joined[axis] ? 1 : shape[axis]);
  }
  return reduction;
}

Value emitMean(Node &node, Value image, int64_t) { return emitImageMean(node, image); }
Value emitSum(Node &node, Value image, int64_t count) {
  return node.emitScaled(emitImageMean(node, image), static_cast<double>(count));
}
Value emitMax(Node &node, Value image, int64_t) { return emitPooled<nn::MaxPool2dOp>(node, image); }
/// min(x) = -max(-x).
Value emitMin(Node &node, Value image, int64_t count) {
  return node.emitScaled(emitMax(node, node.emitScaled(image, -1), count), -1);
}
Value emitSumOfSquares(Node &node, Value image, int64_t count) {
  return emitSum(node, node.emit<nn::SquareOp>(Node::shapeOf(image), image), count);
}
/// |x| = 2 relu(x) - x.
Value emitSumOfMagnitudes(Node &node, Value image, int64_t count) {
  Value positive = node.emit<nn::ReluOp>(Node::shapeOf(image), image);
  return emitSum(node, node.emitBinary<nn::SubOp>(node.emitScaled(positive, 2), image), count);
}
Value emitFunction(Node &node, nn::FunctionKind kind, Value value) {
  return node.emit<nn::FunctionOp>(Node::shapeOf(value), kind, value, ArrayRef<double>());
}
Value emitNorm(Node &node, Value image, int64_t count) {
  return emitFunction(node, nn::FunctionKind::Sqrt, emitSumOfSquares(node, image, count));
}
Value emitLogOfSum(Node &node, Value image, int64_t count) {
  return emitFunction(node, nn::FunctionKind::Log, emitSum(node, image, count));
}
Value emitLogOfSumOfExp(Node &node, Value image, int64_t count) {
  return emitLogOfSum(node, emitFunction(node, nn::FunctionKind::Exp, image), count);
}

using Reduce = Value (*)(Node &node, Value image, int64_t count);

template <Reduce reduce, int axesOperandSince> void importReduction(Node &node) {
  constexpr bool computesOnEach =
      reduce != emitMean && reduce != emitSum && reduce != emitMax && reduce != emitMin;
  Reduction reduction = readReduction(node, axesOperandSince);
  if (reduction.count == 1 && !computesOnEach)
    return node.result(node.emitReshape(node.tensor(0), reduction.result));
  Value result =
      reduce(node, asReducedImage(node, node.tensor(0), reduction.joined), reduction.count);
  node.result(node.emitReshape(result, reduction.result));
}

/// Of extents, as exporters compute shapes.
void importReduceProd(Node &node) {
  if (!node.operand(0).integers)
    node.unsupported("multiplies values that depend on the input",
                     "only products of known integers, as in shapes, are supported");
  const Reduction reduction = readReduction(node, 18);
  const std::vector<int64_t> &values = node.known(0).values;
  if (llvm::is_contained(reduction.joined, false))
    node.unsupported("multiplies along some axes of several", "compute shapes before exporting");
  uint64_t product = 1; // wrapping, as ONNX's int64 does
  for (int64_t value : values)
    product *= static_cast<uint64_t>(value);
  node.result(0, node.integerValue(reduction.result, {static_cast<int64_t>(product)}));
}

} // namespace

void addReductionOps(HandlerTable &table) {
  table.on("ReduceMean", 1, importReduction<emitMean, 18>);
  table.on("ReduceSum", 1, importReduction<emitSum, 13>);
  table.on("ReduceMax", 1, importReduction<emitMax, 18>);
  table.on("ReduceMin", 1, importReduction<emitMin, 18>);
  table.on("ReduceProd", 1, importReduceProd);
  table.on("ReduceSumSquare", 1, importReduction<emitSumOfSquares, 18>);
  table.on("ReduceL1", 1, importReduction<emitSumOfMagnitudes, 18>);
  table.on("ReduceL2", 1, importReduction<emitNorm, 18>);
  table.on("ReduceLogSum", 1, importReduction<emitLogOfSum, 18>);
  table.on("ReduceLogSumExp", 1, importReduction<emitLogOfSumOfExp, 18>);
}

} // namespace gfs::onnx
